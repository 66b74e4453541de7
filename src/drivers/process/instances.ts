import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { DriverError, type RunSpec } from '../driver.ts';
import { instanceFolder, isCode, namesIn, newestRun, readMarks, runFolder } from './layout.ts';
import type { Reap } from './reap.ts';

/** The folder into which removed ones are moved, so that each goes as a whole. */
const trash = '.removed';

/** Every ref there is, of any store. */
export async function allRefs(root: string): Promise<string[]> {
  const refs: string[] = [];
  for (const namespace of (await namesIn(root)) ?? []) {
    if (namespace === trash) continue;
    for (const instance of (await namesIn(join(root, namespace))) ?? [])
      refs.push(...(await refsOf(join(root, namespace, instance))));
  }
  return refs;
}

/** A ref of this Runtime, and not any other path that a stored status might name. */
export const isRef = (root: string, ref: string): boolean =>
  ref.startsWith(root + sep) && ref.slice(root.length + 1).split(sep).length === 3 && !ref.includes('..');

async function refsOf(folder: string): Promise<string[]> {
  const names = (await namesIn(folder)) ?? [];
  return names.filter((name) => /^.+-\d+$/.test(name)).map((name) => join(folder, name));
}

/**
 * Makes room for a create: removes what stands under the instance's name, but returns the ref where this very run has
 * begun already, by a restart that nobody remembers. Throws NameTaken for what is another store's.
 */
export async function replaceOthers(
  root: string,
  ref: string,
  identity: RunSpec['identity'],
  reap: Reap,
): Promise<string | undefined> {
  for (const other of await refsOf(instanceFolder(root, identity))) {
    const meta = (await newestRun(other))?.meta;
    if (meta !== undefined && meta.identity.store !== identity.store)
      throw new DriverError(
        'NotStartable',
        'NameTaken',
        `${other} belongs to another controller's store; remove it there, or give this controller a --state-dir of its own`,
      );
    if (other === ref) continue;
    const begun = (await readMarks(runFolder(other, identity.run))).main !== undefined;
    if (begun && meta?.identity.uid === identity.uid) return other;
    await removeRef(root, other, reap);
  }
  return undefined;
}

/** Ends all processes of a ref, its shim included, and deletes it. */
export async function removeRef(root: string, ref: string, reap: Reap): Promise<void> {
  const run = await newestRun(ref);
  if (run !== undefined) {
    const { main } = await readMarks(run.folder);
    await reap({ instanceUid: run.meta.identity.uid, upToRun: run.number, main });
  }
  const bin = join(root, trash);
  await mkdir(bin, { recursive: true, mode: 0o700 });
  const gone = join(bin, `${basename(dirname(ref))}-${basename(ref)}`);
  await rm(gone, { recursive: true, force: true });
  await ignoring(rename(ref, gone), 'ENOENT');
  await rm(gone, { recursive: true, force: true });
  await ignoring(rmdir(dirname(ref)), 'ENOTEMPTY', 'EEXIST', 'ENOENT');
}

/** Deletes a ref in which nothing was started; needs no space, on a full disk too. */
export async function discard(ref: string): Promise<void> {
  await rm(ref, { recursive: true, force: true });
  await ignoring(rmdir(dirname(ref)), 'ENOTEMPTY', 'EEXIST', 'ENOENT');
}

/** What a controller that was killed left half-made or half-deleted: nothing was ever started in it. */
export async function clearLeftovers(root: string): Promise<void> {
  await rm(join(root, trash), { recursive: true, force: true });
  for (const ref of await allRefs(root))
    if ((await newestRun(ref)) === undefined) await rm(ref, { recursive: true, force: true });
}

async function ignoring(work: Promise<unknown>, ...codes: string[]): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isCode(error, ...codes)) throw error;
  }
}
