import type { ConfigMap, Sync } from '../../src/api/objects.ts';
import { type GitHost, type GitHostKind, gitHosts } from '../git/hosts.ts';
import { type CommitOptions, type Files, Repository } from '../git/repository.ts';
import type { Session } from './support.ts';
import { eventsOf, type Following, follow, says, synced, syncOf } from './sync-support.ts';

/** A repository of its own for one story, and the Sync that follows it: by file, unless told otherwise. */
export class Followed implements AsyncDisposable {
  readonly session: Session;
  readonly name: string;
  readonly repository: Repository;
  readonly host: GitHost;

  private constructor(session: Session, name: string, repository: Repository, host: GitHost) {
    this.session = session;
    this.name = name;
    this.repository = repository;
    this.host = host;
  }

  /** With the first commit applied, unless `waits` is false. */
  static async begin(
    session: Session,
    name: string,
    files: Files,
    {
      over = 'file',
      waits = true,
      commit = {},
      ...following
    }: Omit<Following, 'name'> & {
      over?: GitHostKind['name'];
      waits?: boolean;
      commit?: CommitOptions;
    } = {},
  ): Promise<Followed> {
    const repository = await Repository.with(files, commit);
    const kind = gitHosts().find((kind) => kind.name === over);
    if (kind === undefined) throw new Error(`no host by ${over} can be had here`);
    const followed = new Followed(session, name, repository, await kind.open(repository));
    await followed.follow(following);
    if (waits) await followed.synced();
    return followed;
  }

  /** Applies its Sync, with other fields than before. */
  follow = (following: Omit<Following, 'name'> = {}): Promise<string> =>
    follow(this.session, this.host, { name: this.name, ...following });

  /** Waits until what was pushed last is applied. */
  synced = async (within?: number): Promise<Sync> =>
    synced(this.session, await this.repository.head(), this.name, within);

  /** Pushes, and waits until it is applied. */
  async publish(files: Files, options: CommitOptions = {}): Promise<Sync> {
    await this.repository.publish(files, options);
    return this.synced();
  }

  says = (reasons: Parameters<typeof says>[1], within?: number): Promise<Sync> =>
    says(this.session, reasons, this.name, within);

  get = (): Promise<Sync> => syncOf(this.session, this.name);

  events = async (): Promise<string> => (await eventsOf(this.session, this.name)).join('\n');

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.ok(`delete sync ${this.name}`);
    await this.host[Symbol.asyncDispose]();
    await this.repository[Symbol.asyncDispose]();
  }
}

/** Of a ConfigMap that `settings` has made. */
export const settingOf = async (session: Session, name: string): Promise<string | undefined> =>
  (await session.json<ConfigMap>(`get configmap ${name}`)).data?.value;

/** The names of the ConfigMaps that begin so, in order. */
export async function configMaps(session: Session, prefix: string): Promise<string[]> {
  const names = (await session.ok('get configmaps -o name'))
    .split('\n')
    .map((line) => line.split('/')[1] ?? '');
  return names.filter((name) => name.startsWith(prefix)).sort();
}
