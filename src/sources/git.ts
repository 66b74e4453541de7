import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SyncSpec } from '../api/gen/types.gen.ts';
import { TimeSlice } from '../platform/clock.ts';
import { aborted, catFile, GitFailure, git, type Place, type Said, writeProgram } from './git/git-command.ts';
import { explain, remoteOf } from './git/git-faults.ts';
import { findReference, Repository, type Run } from './git/git-repository.ts';
import { withSecrets } from './git/git-secrets.ts';
import { type CatFile, type Entry, folderPath, followLinks, listTree, readBlobs } from './git/git-tree.ts';
import { kustomizationNames } from './kustomization.ts';
import type { Render } from './kustomize.ts';
import { type Selection, selectionOf } from './selection.ts';
import { checkLimits, checkName, type Found, type Manifests, type Source, SourceError } from './source.ts';

export type GitSpec = NonNullable<SyncSpec['source']['git']>;

export interface GitDeps {
  git: GitSpec;
  /** The decoded data of `git.secretRef`. */
  secret?: Readonly<Record<string, Uint8Array>> | undefined;
  /** The decoded data of `git.verify.secretRef`. Required if the spec has `verify`. */
  keys?: Readonly<Record<string, Uint8Array>> | undefined;
  /** The Sync's own folder for the repository. It may be removed between two calls. */
  folder: string;
  /** A folder on a tmpfs. Contains credentials as files while a call runs. */
  secretsFolder: string;
  /** The PATH in which git, ssh, gpg and kustomize are looked up. */
  searchPath: string;
  /** `render` of kustomize.ts. */
  render: Render;
}

/**
 * Creates a Source for a repository, which uses the system's git. Users who can push to it, and its host, are not
 * trusted: git reads no configuration except that of git-secrets.ts, runs no hook, filter or helper, follows no redirect,
 * fetches no submodule, and never checks anything out: contents are read from its object store.
 */
export function createGitSource(deps: GitDeps): Source {
  return {
    look: (signal) => guarded(deps, signal, (tools) => look(deps, tools)),
    read: (found, signal) =>
      guarded(deps, signal, (tools) => tidied(tools, () => read(deps, tools, found, signal))),
    close: async () => undefined,
  };
}

interface Tools {
  run: Run;
  /** Runs git outside the repository, which may be damaged. */
  runOutside: Run;
  catFile: CatFile;
  repository: Repository;
}

/** Runs the work with everything that git needs, and converts every failure to a SourceError. */
async function guarded<T>(
  deps: GitDeps,
  signal: AbortSignal,
  work: (tools: Tools) => Promise<T>,
): Promise<T> {
  const remote = remoteOf(deps.git.url);
  const path = join(deps.folder, 'repository');
  try {
    if (signal.aborted) throw aborted(signal);
    const home = join(deps.folder, 'home');
    await rm(home, { recursive: true, force: true });
    await mkdir(home, { recursive: true, mode: 0o700 });
    await chmod(deps.folder, 0o700);
    const program = await writeProgram(home);
    return await withSecrets({ ...deps, url: deps.git.url }, async ({ config, keyring }) => {
      const place: Place = {
        cwd: home,
        program,
        environment: {
          ...environment,
          PATH: deps.searchPath,
          HOME: home,
          GIT_DIR: path,
          GIT_CONFIG_GLOBAL: config,
          GIT_ALLOW_PROTOCOL: remote.scheme,
          GNUPGHOME: keyring,
        },
      };
      const withoutRepository = { ...place.environment, GIT_DIR: join(home, 'none') };
      const run: Run = (args) => git(place, args, signal);
      return await work({
        run,
        runOutside: (args) => git({ ...place, environment: withoutRepository }, args, signal),
        catFile: (options, lines) => catFile(place, options, `${lines.join('\n')}\n`, signal),
        repository: new Repository(path, run),
      });
    });
  } catch (cause) {
    if (cause instanceof SourceError) throw cause;
    if (cause instanceof GitFailure) throw explain(cause, remote, hiddenOf(deps));
    throw new SourceError('Failed', cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

const hiddenOf = ({ secret = {} }: GitDeps): string[] =>
  ['password', 'identity'].flatMap((key) => {
    const text = Buffer.from(secret[key] ?? '')
      .toString('utf8')
      .trim();
    return text.length < 4 ? [] : [text];
  });

/**
 * A git that was killed leaves locks and partial packs, and damage would be permanent. So after such a failure the
 * repository is deleted.
 */
async function tidied<T>({ repository }: Tools, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof SourceError) || cause.code === 'Timeout') await repository.wipe();
    throw cause;
  }
}

/** Nothing from the controller's own environment: no ssh agent, no proxy, no git settings. */
const environment = {
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_NO_LAZY_FETCH: '1',
  GIT_LITERAL_PATHSPECS: '1',
} as const;

async function look({ git: spec }: GitDeps, { runOutside }: Tools): Promise<Found> {
  // A commit cannot change, so the server is not asked. Whether it exists is found when it is read.
  if (spec.commit !== undefined) return { revision: commitId(spec.commit) };
  return findReference(async (args) => (await runOutside(['ls-remote', ...args])).stdout, spec.url, spec);
}

async function read(deps: GitDeps, tools: Tools, found: Found, signal: AbortSignal): Promise<Manifests> {
  const { git: spec, keys } = deps;
  const { run, repository } = tools;
  const here = await repository.commit(commitId(found.revision));
  const fetched = (): Promise<string> =>
    spec.commit === undefined
      ? repository.fetch(spec.url, found)
      : repository.fetchCommit(spec.url, spec.commit);
  const revision = here ?? (await fetched());
  if (spec.verify !== undefined) {
    if (keys === undefined)
      throw new SourceError('SecretInvalid', 'the keys of spec.source.git.verify are not available');
    await verifyCommit(run, revision);
  }
  const entries = await listTree(run, revision, spec.path);
  const folder = folderPath(spec.path);
  const below = (path: string): string => (folder === '' ? path : path.slice(folder.length + 1));
  const isKustomized = entries.some(({ path }) => kustomizationNames.includes(below(path)));
  const selection = selectionOf(spec);
  const files = isKustomized
    ? [await rendered(deps, tools, revision, folder, signal)]
    : await selected(tools, revision, entries, below, selection);
  return { revision, reference: found.reference, files, unused: selection.unused() };
}

async function selected(
  tools: Tools,
  revision: string,
  entries: Entry[],
  below: (path: string) => string,
  { takes, passes }: Selection,
): Promise<Manifests['files']> {
  const all = await followLinks(tools, revision, entries, {
    // If a link leads out of the repository, it is unknown whether it leads to a folder of manifests.
    follows: (path) => !passes(below(path), false) && !passes(below(path), true),
    refusesOutside: true,
    refusesMissing: (path) => takes(below(path)),
  });
  const slice = new TimeSlice();
  const files: Entry[] = [];
  for (const entry of all) {
    await slice.next();
    if (takes(below(entry.path))) files.push(entry);
  }
  for (const { path } of files) checkName(path);
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  checkLimits(files);
  const contents = await readBlobs(tools.catFile, files);
  return files.map(({ path }, at) => ({ name: path, bytes: contents[at] ?? new Uint8Array() }));
}

async function rendered(
  { folder: own, render, searchPath }: GitDeps,
  tools: Tools,
  revision: string,
  folder: string,
  signal: AbortSignal,
): Promise<Manifests['files'][number]> {
  const tree = await listTree(tools.run, revision, '.');
  // Names that begin with a dot are never read, except those in the path to the folder.
  const below = (path: string): string => (path.startsWith(`${folder}/`) ? path.slice(folder.length) : path);
  const visible = tree.filter(({ path }) => !/(^|\/)\./.test(below(path)));
  const files = await followLinks(tools, revision, visible, {
    follows: () => true,
    refusesOutside: false,
    refusesMissing: () => false,
  });
  checkLimits(files, 'kustomize needs the whole repository: keep other files in another repository');
  const root = join(own, 'tree');
  try {
    await checkOut(tools.catFile, files, root);
    const bytes = await render({ root, path: join(root, folder), sealed: true, searchPath, signal });
    return { name: `kustomize build ${folder === '' ? '.' : folder}`, bytes };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Other texts could be interpreted as an option or a range. */
function commitId(text: string): string {
  if (/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text)) return text;
  throw new SourceError('RevisionMissing', `${JSON.stringify(text)} is not a full commit id`);
}

/**
 * Writes files of a commit below a newly created folder. git does not check anything out, so there are no links, and no
 * filter or hook can run.
 */
async function checkOut(catFile: CatFile, files: readonly Entry[], folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const contents = await readBlobs(catFile, files);
  for (const [at, { path }] of files.entries()) {
    // A commit that was not created by git can contain any name.
    if (path.split('/').some((name) => /^(\.{0,2}|\.git)$/i.test(name)))
      throw new SourceError(
        'OutsideTree',
        `the commit has a file named ${JSON.stringify(path)}, which is not allowed`,
      );
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(folder, path), contents[at] ?? '', { mode: 0o600, flag: 'wx' });
  }
}

/** The meanings of `%G?` in git-log(1). For SSH, U is a good signature by a key that is not listed. */
const meanings: Readonly<Record<string, string>> = {
  B: 'has a signature that does not match its content',
  E: 'is signed by an unknown key',
  N: 'has no signature',
  R: 'is signed by a key that was revoked',
  U: 'is signed by an unknown key',
  X: 'is signed, but the signature has expired',
  Y: 'is signed by a key that has expired',
};

/** Throws unless the commit is signed by one of the keys in the environment of `run`. */
async function verifyCommit(
  run: (args: readonly string[]) => Promise<Said>,
  revision: string,
): Promise<void> {
  const { stdout, stderr } = await run(['log', '-1', '--no-show-signature', '--format=%G?%n%GF', revision]);
  const [verdict = '', fingerprint = ''] = stdout.split('\n');
  if (verdict === 'G') return;
  const program = /cannot run (gpg|ssh-keygen)\b/.exec(stderr)?.[1];
  if (program !== undefined)
    throw new SourceError(
      'ProgramMissing',
      `${program} is not installed, which is needed to check the signatures of commits: install ${program === 'gpg' ? 'gnupg' : 'openssh-client'}`,
    );
  const meaning = meanings[verdict] ?? 'has a signature that could not be checked';
  const key = fingerprint === '' ? '' : ` (${fingerprint})`;
  throw new SourceError('NotVerified', `commit ${revision.slice(0, 12)} ${meaning}${key}:`, {
    remedy: 'sign it with a key in the Secret of spec.source.git.verify, or add its key there',
  });
}
