import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGitSource, type GitDeps, type GitSpec } from '../../../src/sources/git.ts';
import type { Source } from '../../../src/sources/source.ts';

export const bytes = (data: Record<string, string>): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text)]));

/** The folders of one Sync, and sources over them. */
export class GitWorld implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async begin(): Promise<GitWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'agentctl-source-'));
    await mkdir(join(folder, 'tmpfs'));
    return new GitWorld(folder);
  }

  get state(): string {
    return join(this.folder, 'state');
  }

  source(git: Partial<GitSpec> & { url: string }, deps: Partial<GitDeps> = {}): Source {
    return createGitSource({
      folder: this.state,
      secretsFolder: join(this.folder, 'tmpfs'),
      searchPath: process.env.PATH ?? '',
      render: () => Promise.reject(new Error('nothing is rendered here')),
      ...deps,
      git: { path: '.', include: ['**/*.{yaml,yml,json}'], ignore: [], ...git },
    });
  }

  /** Looks and reads, with a minute for both. */
  async read(...of: Parameters<GitWorld['source']>): Promise<Record<string, string>> {
    const signal = AbortSignal.timeout(60_000);
    const source = this.source(...of);
    const { files } = await source.read(await source.look(signal), signal);
    return Object.fromEntries(files.map(({ name, bytes }) => [name, Buffer.from(bytes).toString('utf8')]));
  }

  /** Packs of the repository that was fetched. */
  packs(): string[] {
    const folder = join(this.state, 'repository/objects/pack');
    return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.pack')) : [];
  }

  /** Processes that have something to do with these folders, as Linux tells them; elsewhere none is seen. */
  processes(): string[] {
    if (!existsSync('/proc')) return [];
    const numbers = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return numbers.filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(this.state);
      } catch {
        return false; // gone
      }
    });
  }

  secretFiles = (): string[] => readdirSync(join(this.folder, 'tmpfs'));

  [Symbol.asyncDispose] = (): Promise<void> => rm(this.folder, { recursive: true, force: true });
}
