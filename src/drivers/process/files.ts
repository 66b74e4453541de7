import { chmod, chown, mkdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { DriverError, type FileSpec } from '../driver.ts';
import { leavesFolder } from './unsupported.ts';
import type { User } from './user.ts';

/** Writes the files of a run under its working folder; those of an earlier run are replaced. */
export async function writeFiles(
  folder: string,
  files: readonly FileSpec[],
  user: User | undefined,
): Promise<void> {
  for (const file of files) {
    if (leavesFolder(file.path)) throw outside(file.path);
    const target = join(folder, file.path);
    await mkdir(dirname(target), { recursive: true });
    // The agent may have put a symbolic link in the way.
    const real = await realpath(dirname(target));
    const inside = await realpath(folder);
    if (real !== inside && !real.startsWith(inside + sep)) throw outside(file.path);
    await replace(join(real, basename(target)), file, user);
  }
}

/** By rename: a reader sees the old file or the new one, and a link at its place is replaced, not followed. */
async function replace(target: string, file: FileSpec, user: User | undefined): Promise<void> {
  const partial = `${target}.agentctl-new`;
  try {
    await rm(partial, { force: true });
    await writeFile(partial, file.content, { flag: 'wx', mode: 0o600 });
    if (user !== undefined) await chown(partial, user.uid, user.gid);
    await chmod(partial, file.mode);
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

const outside = (path: string): DriverError =>
  new DriverError(
    'Terminal',
    'InvalidSpec',
    `spec.template.files: "${path}" must be relative and stay in the working directory of the process`,
  );
