import { execFile } from 'node:child_process';
import { chmod, lchown, lstat, mkdir, rename, rmdir } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../platform/clock.ts';
import { ignoringAsync, isCode } from '../../platform/code.ts';
import { DriverError, type RunSpec } from '../driver.ts';
import {
  findRun,
  instanceFolder,
  marksOfBoot,
  namesIn,
  newestRun,
  readMarks,
  removeFolder,
  runFolder,
  runNumbers,
  voidRun,
} from './layout.ts';
import type { Tools } from './process-host.ts';
import { killOne, killTargetOf, type Reap } from './reap.ts';

export interface InstanceDeps {
  /** The folder of all instances. */
  root: string;
  reap: Reap;
  tools: Tools;
  clock: Clock;
  bootId: string;
  /** Drops the cached state of a removed ref. */
  forget(ref: string): void;
}

/** Removed instances are moved into this folder, so that each disappears atomically. */
const trash = '.removed';

/** Returns all refs, of any store. */
export function allRefs(root: string): string[] {
  const refs: string[] = [];
  for (const namespace of namesIn(root) ?? []) {
    if (namespace === trash) continue;
    for (const instance of namesIn(join(root, namespace)) ?? [])
      refs.push(...refsOf(join(root, namespace, instance)));
  }
  return refs;
}

/** Checks that a ref belongs to this Runtime and is not some other path in a stored status. */
export const isRef = (root: string, ref: string): boolean =>
  ref.startsWith(root + sep) && ref.slice(root.length + 1).split(sep).length === 3 && !ref.includes('..');

function refsOf(folder: string): string[] {
  const names = namesIn(folder) ?? [];
  return names.filter((name) => /^.+-\d+$/.test(name)).map((name) => join(folder, name));
}

/**
 * Makes room for a create: removes what exists under the instance's name. Returns the ref instead if this very run has
 * begun already, by a restart that was not recorded. Throws NameTaken if it belongs to another store.
 */
export async function replaceOthers(
  deps: InstanceDeps,
  ref: string,
  identity: RunSpec['identity'],
): Promise<string | undefined> {
  for (const other of refsOf(instanceFolder(deps.root, identity))) {
    const meta = newestRun(other)?.meta;
    if (meta !== undefined && meta.identity.store !== identity.store)
      throw new DriverError('NotStartable', 'NameTaken', `${other} belongs to another controller:`, {
        remedy: 'remove it there, or start this controller with another --state-dir',
      });
    if (other === ref) continue;
    const begun = readMarks(runFolder(other, identity.run)).main !== undefined;
    if (begun && meta?.identity.uid === identity.uid) return other;
    await removeRef(deps, other);
  }
  return undefined;
}

/**
 * Kills the shims of these runs, which may wait until their output is read. Without their marks nothing could find
 * them.
 */
export async function endShims(
  { clock, bootId }: InstanceDeps,
  ref: string,
  numbers: readonly number[],
): Promise<void> {
  for (const number of numbers) {
    const run = findRun(ref, number);
    const { shim } = run === undefined ? {} : marksOfBoot(run, bootId);
    if (shim !== undefined) await killOne(clock, shim);
  }
}

/** Ends all processes of a ref, including its shims, and deletes it. */
export async function removeRef(deps: InstanceDeps, ref: string): Promise<void> {
  const { root, reap, tools, bootId } = deps;
  deps.forget(ref);
  const run = newestRun(ref);
  if (run !== undefined) {
    voidRun(run.folder); // before the look at processes: nothing begins after it
    await reap({ ...killTargetOf(run, marksOfBoot(run, bootId)), moved: true });
    const earlier = runNumbers(ref)?.filter((number) => number !== run.number);
    await endShims(deps, ref, earlier ?? []);
  }
  const bin = join(root, trash);
  const gone = join(bin, `${basename(dirname(ref))}-${basename(ref)}`);
  try {
    await mkdir(bin, { recursive: true, mode: 0o700 });
    await removeTree(tools, gone);
    await ignoringAsync(rename(ref, gone), 'ENOENT');
    await removeTree(tools, gone);
  } catch (error) {
    if (!isCode(error, 'ENOSPC', 'EDQUOT')) throw error;
    await removeTree(tools, ref); // a full disk may have no room for a new name, and this frees space
  }
  await ignoringAsync(rmdir(dirname(ref)), 'ENOTEMPTY', 'EEXIST', 'ENOENT');
  deps.forget(ref); // a concurrent look may have begun to follow it again
}

/** Deletes a ref in which nothing was started. Needs no disk space, so it works on a full disk. */
export async function discard({ tools }: InstanceDeps, ref: string): Promise<void> {
  await removeTree(tools, ref);
  await ignoringAsync(rmdir(dirname(ref)), 'ENOTEMPTY', 'EEXIST', 'ENOENT');
}

/**
 * Deletes what a killed controller left half-created or half-deleted: nothing was ever started in it. A start that
 * still waits in the shell of that controller is given up.
 */
export async function clearLeftovers({ root, tools }: InstanceDeps): Promise<void> {
  const bin = join(root, trash);
  for (const name of namesIn(bin) ?? []) await removeTree(tools, join(bin, name));
  for (const ref of allRefs(root)) {
    const run = newestRun(ref);
    if (run !== undefined && voidRun(run.folder)) await removeFolder(run.folder);
    if (newestRun(ref) === undefined) await removeTree(tools, ref);
  }
}

/**
 * Deletes a ref, or what is left of one. If its working folder belongs to another user, that user may still create
 * links in it. Node's rm follows paths, so a link created at the wrong moment could lead root elsewhere. The program rm
 * is safe against that.
 */
async function removeTree(tools: Tools, path: string): Promise<void> {
  const work = join(path, 'work');
  const owner = await ownerOf(work);
  const own = process.getuid?.() ?? 0;
  if (owner === undefined || owner === own) return removeFolder(path);
  // Only the controller can replace the folder itself, so these act on the right one. Afterwards no other user can add
  // to it.
  await lchown(work, own, process.getgid?.() ?? 0);
  await chmod(work, 0o700);
  await promisify(execFile)(tools.rm, ['-rf', '--', path], { cwd: '/', env: {} });
}

async function ownerOf(path: string): Promise<number | undefined> {
  return (await ignoringAsync(lstat(path), 'ENOENT', 'ENOTDIR'))?.uid;
}
