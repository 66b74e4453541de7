import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cleanEnvironment, run } from './run.ts';
import type { Signer } from './signing.ts';

/** By path; null removes the file, or the folder. */
export type Files = Record<string, string | Uint8Array | { linkTo: string } | null>;

export interface CommitOptions {
  message?: string;
  signedBy?: Signer;
}

/** Time of the first commit; each one after it is a second later, so that the same story makes the same commits. */
const epoch = Date.UTC(2026, 0, 1) / 1000;

/**
 * A bare repository, as a Git host has it, and the clone of somebody who works on it, in a temporary folder. Made and
 * changed by the system's git, without the configuration of the user.
 */
export class Repository implements AsyncDisposable {
  readonly folder: string;
  readonly bare: string;
  readonly work: string;
  #commits = 0;

  private constructor(folder: string) {
    this.folder = folder;
    this.bare = join(folder, 'repository.git');
    this.work = join(folder, 'work');
  }

  /** Without a commit. Its HEAD names the branch. */
  static async empty(options: { branch?: string } = {}): Promise<Repository> {
    const repository = new Repository(await mkdtemp(join(tmpdir(), 'agentctl-git-')));
    const { folder, bare, work } = repository;
    const branch = `--initial-branch=${options.branch ?? 'main'}`;
    await repository.git(['init', '--quiet', '--bare', branch, bare], folder);
    // As Git hosts have it: parts can be fetched, and whatever is pushed is taken.
    await repository.git(['config', 'uploadpack.allowFilter', 'true'], bare);
    await repository.git(['config', 'receive.denyDeleteCurrent', 'ignore'], bare);
    await repository.git(['init', '--quiet', branch, work], folder);
    await repository.git(['remote', 'add', 'origin', bare]);
    return repository;
  }

  static async with(files: Files, options: { branch?: string } & CommitOptions = {}): Promise<Repository> {
    const repository = await Repository.empty(options);
    await repository.publish(files, options);
    return repository;
  }

  get url(): string {
    return pathToFileURL(this.bare).href;
  }

  /** Any git command, in the clone unless told otherwise; answers what it printed. */
  git(args: readonly string[], cwd = this.work, signer?: Signer): Promise<string> {
    const date = `${epoch + this.#commits} +0000`;
    const config = signer?.config.flatMap((setting) => ['-c', setting]) ?? [];
    return run('git', [...config, ...args], {
      cwd,
      env: {
        ...cleanEnvironment(this.folder),
        ...signer?.env,
        GIT_AUTHOR_NAME: 'Author',
        GIT_AUTHOR_EMAIL: 'author@example.com',
        GIT_AUTHOR_DATE: date,
        GIT_COMMITTER_NAME: 'Author',
        GIT_COMMITTER_EMAIL: 'author@example.com',
        GIT_COMMITTER_DATE: date,
      },
    });
  }

  /** Changes files in the clone. */
  async write(files: Files): Promise<void> {
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.work, name);
      await rm(path, { recursive: true, force: true });
      if (content === null) continue;
      await mkdir(dirname(path), { recursive: true });
      if (typeof content === 'string' || content instanceof Uint8Array) await writeFile(path, content);
      else await symlink(content.linkTo, path);
    }
  }

  /** Commits all that is in the clone, changed or not, and answers the commit's id. */
  async commit({ message = 'Change it', signedBy }: CommitOptions = {}): Promise<string> {
    await this.git(['add', '--all', '--force']);
    this.#commits += 1;
    const sign = signedBy === undefined ? '--no-gpg-sign' : '--gpg-sign';
    await this.git(['commit', '--quiet', '--allow-empty', sign, '-m', message], this.work, signedBy);
    return this.head();
  }

  /** Pushes the branch that the clone is on. */
  push = async (): Promise<void> => void (await this.git(['push', '--quiet', 'origin', 'HEAD']));

  forcePush = async (): Promise<void> =>
    void (await this.git(['push', '--quiet', '--force', 'origin', 'HEAD']));

  /** Write, commit, push. Answers the commit's id. */
  async publish(files: Files, options: CommitOptions = {}): Promise<string> {
    await this.write(files);
    const commit = await this.commit(options);
    await this.push();
    return commit;
  }

  /** Puts another commit in the place of the last one, and pushes it by force. */
  async replaceLast(files: Files, options: CommitOptions = {}): Promise<string> {
    await this.write(files);
    await this.git(['reset', '--quiet', '--soft', 'HEAD~1']);
    const commit = await this.commit({ message: 'Change it otherwise', ...options });
    await this.forcePush();
    return commit;
  }

  /** The branch begins anew: one commit with the same files, that shares none with what was there before. */
  async rewriteHistory(files: Files = {}, options: CommitOptions = {}): Promise<string> {
    const branch = await this.branch();
    await this.git(['checkout', '--quiet', '--orphan', 'anew']);
    await this.write(files);
    await this.commit({ message: 'Begin anew', ...options });
    await this.git(['branch', '--quiet', '--force', '-M', 'anew', branch]);
    await this.forcePush();
    return this.head();
  }

  /** As `git revert` of the last commit, pushed. */
  async revertLast(): Promise<string> {
    this.#commits += 1;
    await this.git(['revert', '--no-edit', 'HEAD']);
    await this.push();
    return this.head();
  }

  /** Makes a branch of what the clone is on, and goes on there. Nothing is pushed. */
  startBranch = async (name: string): Promise<void> =>
    void (await this.git(['checkout', '--quiet', '-b', name]));

  switchTo = async (name: string): Promise<void> => void (await this.git(['checkout', '--quiet', name]));

  /** From the bare repository: the clone keeps it. */
  deleteBranch = async (name: string): Promise<void> =>
    void (await this.git(['push', '--quiet', 'origin', '--delete', `refs/heads/${name}`]));

  /** Sets or moves a tag, and pushes it. Annotated where it is signed or has a message. */
  async tag(name: string, options: { at?: string } & CommitOptions = {}): Promise<void> {
    const { at = 'HEAD', message, signedBy } = options;
    const how = signedBy === undefined ? [] : ['--sign'];
    const text = signedBy === undefined && message === undefined ? [] : ['-m', message ?? name];
    await this.git(['tag', '--force', ...how, ...text, name, at], this.work, signedBy);
    await this.git(['push', '--quiet', '--force', 'origin', `refs/tags/${name}`]);
  }

  deleteTag = async (name: string): Promise<void> =>
    void (await this.git(['push', '--quiet', 'origin', '--delete', `refs/tags/${name}`]));

  branch = (): Promise<string> => this.git(['symbolic-ref', '--short', 'HEAD']);

  /** The id of the clone's last commit. */
  head = (): Promise<string> => this.git(['rev-parse', 'HEAD']);

  /** What a name stands for in the bare repository; of a tag, the commit. */
  published = (name: string): Promise<string> =>
    this.git(['rev-parse', '--verify', `${name}^{commit}`], this.bare);

  /** Where nobody answers: the bare repository is away, until it is put back. */
  async moveAway(): Promise<{ putBack: () => Promise<void> }> {
    const away = `${this.bare}.away`;
    await rename(this.bare, away);
    return { putBack: () => rename(away, this.bare) };
  }

  [Symbol.asyncDispose] = (): Promise<void> => rm(this.folder, { recursive: true, force: true });
}
