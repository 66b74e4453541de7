import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listed, nearest } from '../../api/text.ts';
import { ignoringAsync, isCode } from '../../platform/code.ts';
import { type Found, SourceError } from '../source.ts';
import { GitFailure, type Said } from './git-command.ts';

export type Run = (args: readonly string[]) => Promise<Said>;

const head = 'refs/agentctl/head';
const fetchOptions = [
  '--no-tags',
  '--force',
  '--no-recurse-submodules',
  '--no-write-fetch-head',
  '--no-progress',
];

/** Each fetch creates a pack, and nothing else removes them. */
const mostPacks = 30;
/** The limit of all packs together, before the next fetch. */
const mostBytes = 1024 * 1024 * 1024;

/** A bare repository with the last fetched objects. It can be deleted at any time. */
export class Repository {
  readonly path: string;
  readonly #run: Run;

  constructor(path: string, run: Run) {
    this.path = path;
    this.#run = run;
  }

  wipe = (): Promise<void> => rm(this.path, { recursive: true, force: true });

  /** Returns the commit with that name; undefined if it is not in this repository. */
  async commit(name: string): Promise<string | undefined> {
    if (!(await this.#isReady())) return undefined;
    try {
      const { stdout } = await this.#run(['rev-parse', '--verify', '--end-of-options', `${name}^{commit}`]);
      // git older than 2.30 prints the option as well.
      return /^[0-9a-f]{40,64}$/m.exec(stdout)?.[0];
    } catch (cause) {
      if (cause instanceof GitFailure) return undefined;
      throw cause;
    }
  }

  /**
   * Fetches the reference, and returns its current commit. An existing repository may be incomplete because git was
   * killed: if the fetch fails, it is deleted and everything is fetched again.
   */
  async fetch(url: string, found: Found): Promise<string> {
    const name = found.reference ?? 'HEAD';
    return this.#anew(found, async () => {
      try {
        await this.#fetch(url, [`+${name}:${head}`], ['--depth=1']);
      } catch (cause) {
        if (!(cause instanceof GitFailure) || !/couldn't find remote ref/.test(cause.stderr)) throw cause;
        throw new SourceError('RevisionMissing', `${name} disappeared while it was fetched`, { cause });
      }
      const commit = await this.commit(head);
      if (commit !== undefined) return commit;
      throw new SourceError('RevisionMissing', `${name} is not a commit`);
    });
  }

  /**
   * Fetches this one commit. Some servers only allow commits that a branch or tag names: from these, everything is
   * fetched.
   */
  async fetchCommit(url: string, id: string): Promise<string> {
    return this.#anew({ revision: id }, async () => {
      try {
        await this.#fetch(url, [`+${id}:${head}`], ['--depth=1']);
      } catch (cause) {
        if (
          !(cause instanceof GitFailure) ||
          !/not our ref|unadvertised object|find remote ref/.test(cause.stderr)
        )
          throw cause;
        const all = ['heads', 'tags'].map((kind) => `+refs/${kind}/*:refs/agentctl/${kind}/*`);
        const unshallow = (await exists(join(this.path, 'shallow'))) ? ['--unshallow'] : [];
        await this.#fetch(url, all, ['--prune', ...unshallow]);
      }
      const commit = await this.commit(id);
      if (commit !== undefined) return commit;
      throw new SourceError('RevisionMissing', `the repository has no commit ${id} on any branch or tag:`, {
        remedy: 'push it, or change spec.source.git.commit',
      });
    });
  }

  #fetch = (url: string, references: readonly string[], options: readonly string[]): Promise<Said> =>
    this.#run(['fetch', ...fetchOptions, ...options, '--', url, ...references]);

  async #anew(found: Found, work: () => Promise<string>): Promise<string> {
    const kept = await this.#open(found.revision.length === 64 ? 'sha256' : 'sha1');
    try {
      return await work();
    } catch (cause) {
      if (!kept || !(cause instanceof GitFailure)) throw cause;
    }
    await this.wipe();
    await this.#open(found.revision.length === 64 ? 'sha256' : 'sha1');
    return work();
  }

  /** Creates the repository if it is missing or too large. Returns whether an existing one was kept. */
  async #open(format: 'sha1' | 'sha256'): Promise<boolean> {
    if ((await this.#isReady(format)) && (await this.#isSmall())) return true;
    await this.wipe();
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    await this.#run(['init', '--bare', `--object-format=${format}`]);
    await writeFile(this.#marker, format);
    return false;
  }

  get #marker(): string {
    return join(this.path, 'agentctl-format');
  }

  /** False if it was never created, or not completely. */
  async #isReady(format?: string): Promise<boolean> {
    const made = await ignoringAsync(readFile(this.#marker, 'utf8'), 'ENOENT', 'ENOTDIR');
    return made !== undefined && (format === undefined || made === format);
  }

  /** Incomplete packs count too. */
  async #isSmall(): Promise<boolean> {
    try {
      const folder = join(this.path, 'objects/pack');
      const names = await readdir(folder);
      const packs = names.filter((name) => name.endsWith('.pack') || name.startsWith('tmp_'));
      const sizes = await Promise.all(packs.map(async (name) => (await stat(join(folder, name))).size));
      return packs.length <= mostPacks && sizes.reduce((sum, size) => sum + size, 0) <= mostBytes;
    } catch (error) {
      if (isCode(error, 'ENOENT', 'ENOTDIR')) return false; // damaged, so it is created again
      throw error;
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return (await ignoringAsync(readFile(path), 'ENOENT', 'ENOTDIR')) !== undefined;
}

/** Runs `git ls-remote` with these arguments. */
type ListRemote = (args: readonly string[]) => Promise<string>;

interface Wanted {
  branch?: string | undefined;
  tag?: string | undefined;
}

/** Returns the commit of a branch or tag, or of HEAD if neither is wanted. */
export async function findReference(list: ListRemote, url: string, wanted: Wanted): Promise<Found> {
  const reference = referenceOf(wanted);
  if (reference === undefined) return findHead(list, url);
  const references = parse(await list(['--', url, reference, `${reference}^{}`]));
  // An annotated tag is an object of its own; the entry with ^{} is the commit that it names.
  const revision = references.get(`${reference}^{}`) ?? references.get(reference);
  if (revision !== undefined) return { revision, reference };
  return missing(list, url, reference);
}

function referenceOf({ branch, tag }: Wanted): string | undefined {
  const name = branch ?? tag;
  if (name === undefined) return undefined;
  // The API server has already checked this: git must not interpret it as an option, a pattern or a refspec.
  if (/[\p{Cc} ~^:?*[\\]|\.\.|@\{|^[-/.]/u.test(name))
    throw new SourceError('RevisionMissing', `${JSON.stringify(name)} cannot be the name of a branch or tag`);
  return branch === undefined ? `refs/tags/${name}` : `refs/heads/${name}`;
}

async function findHead(list: ListRemote, url: string): Promise<Found> {
  const answer = await list(['--symref', '--', url, 'HEAD']);
  const revision = parse(answer).get('HEAD');
  const reference = /^ref: (\S+)\tHEAD$/m.exec(answer)?.[1];
  if (revision !== undefined) return { revision, reference };
  const heads = [...parse(await list(['--heads', '--', url])).keys()];
  throw new SourceError(
    'RevisionMissing',
    heads.length === 0
      ? 'the repository is empty: push a commit'
      : `the repository's HEAD names a branch that does not exist: set spec.source.git.branch, ${some(heads)}`,
  );
}

/** Each comparison takes time, and a repository may have any number of references. */
const mostCompared = 1000;

async function missing(list: ListRemote, url: string, reference: string): Promise<never> {
  const kind = reference.startsWith('refs/tags/') ? 'tag' : 'branch';
  const option = kind === 'tag' ? '--tags' : '--heads';
  const names = [...parse(await list([option, '--refs', '--', url])).keys()];
  const name = short(reference);
  const near = nearest(name, names.slice(0, mostCompared).map(short));
  const there =
    names.length === 0
      ? `there is no ${kind} at all`
      : near === undefined
        ? `there ${names.length === 1 ? 'is' : 'are'} ${some(names)}`
        : `did you mean ${near}?`;
  throw new SourceError('RevisionMissing', `the repository has no ${kind} ${name}: ${there}`);
}

const some = (references: readonly string[]): string => listed(references.map(short), { most: 5 });

const short = (reference: string): string => reference.replace(/^refs\/(heads|tags)\//, '');

/** Parses lines of id, tab and name. ls-remote matches the ends of names, so there may be more than was requested. */
function parse(answer: string): Map<string, string> {
  const lines = answer.split('\n').flatMap((line) => {
    const [, id, name] = /^([0-9a-f]{40}|[0-9a-f]{64})\t(.+)$/.exec(line) ?? [];
    return id === undefined || name === undefined ? [] : [[name, id] as const];
  });
  return new Map(lines);
}
