import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { ignoringAsync } from '../../platform/code.ts';
import { DriverError, type FileSpec, type RunSpec } from '../driver.ts';

/** A file or folder of the host that we created, to be bind-mounted into the container. */
export interface Bind {
  source: string;
  target: string;
}

/**
 * Files and Secrets of instances, in a folder of the host in memory. A file that is copied into a container's tmpfs
 * before the start would be lost, so files are bind-mounted from here. A reboot deletes them, so each start writes them
 * again.
 */
export interface HostFiles {
  /** Writes all files of a run and returns the binds. `sweep` does not remove them until `settled` is called. */
  put(spec: RunSpec): Promise<Bind[]>;
  settled(uid: string): void;
  remove(uid: string): Promise<void>;
  /** Call before the list that is passed to `sweep`. */
  mark(): number;
  /** Removes the files of instances that are not in the list, unless they were touched since the mark. */
  sweep(mark: number, listed: ReadonlySet<string>): Promise<void>;
}

export function createHostFiles(options: {
  secretsDir: string;
  storeId: string;
  endpoint: string;
}): HostFiles {
  const engine = createHash('sha256').update(options.endpoint).digest('hex').slice(0, 12);
  const root = join(options.secretsDir, options.storeId, engine);
  let counter = 0;
  /** By uid: the counter when its files were last written; Infinity during a start. */
  const touched = new Map<string, number>();

  const write = async (path: string, file: FileSpec, owner: Owner | undefined): Promise<void> => {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await rm(path, { force: true });
    await writeFile(path, file.content, { mode: 0o600, flag: 'wx' });
    if (owner !== undefined) await chown(path, owner.uid, owner.gid);
    await chmod(path, file.mode);
  };

  const writeAll = async (
    spec: RunSpec,
    folder: string,
    folders: readonly { mountPath: string; files: readonly FileSpec[] }[],
  ): Promise<Bind[]> => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const owner = ownerOf(spec.user);
    const binds: Bind[] = [];
    for (const [index, file] of spec.files.entries()) {
      const source = join(folder, `file-${index}`);
      await write(source, file, owner);
      binds.push({ source, target: file.path });
    }
    for (const [index, mount] of folders.entries()) {
      const source = join(folder, `folder-${index}`);
      await rm(source, { recursive: true, force: true });
      await mkdir(source, { mode: 0o755 });
      for (const file of mount.files) await write(join(source, file.path), file, owner);
      binds.push({ source, target: mount.mountPath });
    }
    return binds;
  };

  return {
    async put(spec) {
      const folders = spec.mounts.filter((mount) => mount.type === 'Files');
      if (spec.files.length === 0 && folders.length === 0) return [];
      const folder = join(root, spec.identity.uid);
      touched.set(spec.identity.uid, Number.POSITIVE_INFINITY);
      try {
        return await writeAll(spec, folder, folders);
      } catch (error) {
        throw fullDisk(error, options.secretsDir);
      }
    },
    settled: (uid) => void (touched.has(uid) && touched.set(uid, ++counter)),
    async remove(uid) {
      touched.delete(uid);
      await rm(join(root, uid), { recursive: true, force: true });
    },
    mark: () => counter,
    async sweep(mark, listed) {
      for (const uid of await foldersIn(root)) {
        if (listed.has(uid) || (touched.get(uid) ?? 0) > mark) continue;
        touched.delete(uid);
        await rm(join(root, uid), { recursive: true, force: true });
      }
    },
  };
}

/** The root does not exist before the first file is written. */
async function foldersIn(root: string): Promise<string[]> {
  return (await ignoringAsync(readdir(root), 'ENOENT')) ?? [];
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

function fullDisk(error: unknown, folder: string): unknown {
  const code = codeOf(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new DriverError(
    'Retryable',
    'DiskFull',
    `${folder} is full. It holds the files and Secrets of containers: free some space there (df -h ${folder})`,
    { cause: error },
  );
}

interface Owner {
  uid: number;
  gid: number;
}

/** A program that runs as another user could not read a file of mode 0400 owned by root. */
function ownerOf(user: string | undefined): Owner | undefined {
  const match = /^(\d+)(?::(\d+))?$/.exec(user ?? '');
  if (match === null || process.getuid?.() !== 0) return undefined;
  return { uid: Number(match[1]), gid: Number(match[2] ?? 0) };
}

/** Resolves symbolic links. If `allowed` is given, throws if the result is not under one of these folders. */
export async function realPath(path: string, allowed: readonly string[] | undefined): Promise<string> {
  let real: string;
  try {
    real = await realpath(path);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new DriverError('NotStartable', 'MountMissing', `${path} does not exist on the host:`, {
        cause,
        remedy: "create it, or correct the volume's hostPath",
      });
    // The engine may be able to see the path even if this user cannot.
    if (allowed === undefined) return path;
    throw new DriverError(
      'NotStartable',
      'MountNotAllowed',
      `${path} cannot be resolved (${code}), so it cannot be checked against the Runtime's allowHostPaths`,
      { cause },
    );
  }
  if (allowed === undefined) return real;
  // If a root cannot be resolved, nothing is allowed under it.
  const roots = await Promise.all(allowed.map((root) => realpath(root).catch(() => root)));
  if (roots.some((root) => isUnder(real, root))) return real;
  throw new DriverError(
    'NotStartable',
    'MountNotAllowed',
    `${path} resolves to ${real}, which is not in the Runtime's allowHostPaths`,
  );
}

export function isUnder(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === '' || (!way.startsWith('../') && way !== '..' && !way.startsWith('/'));
}
