import { chmod, mkdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import type { Clock } from '../../platform/clock.ts';
import { DriverError, type FileSpec } from '../driver.ts';
import { leavesFolder } from './process-checks.ts';
import { executeAs } from './process-exec.ts';
import { systemPath, type Tools } from './process-host.ts';

/** Writes the files of a run under its working folder; replaces those of an earlier run. */
export async function writeFiles(folder: string, files: readonly FileSpec[]): Promise<void> {
  for (const file of files) {
    if (leavesFolder(file.path)) throw outside(file.path);
    const target = join(folder, file.path);
    await mkdir(dirname(target), { recursive: true });
    // The agent may have created a symbolic link in the path.
    const real = await realpath(dirname(target));
    const inside = await realpath(folder);
    if (real !== inside && !real.startsWith(inside + sep)) throw outside(file.path);
    await replace(join(real, basename(target)), file);
  }
}

/** Renames into place: a reader sees the old or the new file, and a symbolic link is replaced, not followed. */
async function replace(target: string, file: FileSpec): Promise<void> {
  const partial = `${target}.agentctl-new`;
  try {
    await rm(partial, { force: true });
    await writeFile(partial, file.content, { flag: 'wx', mode: 0o600 });
    await chmod(partial, file.mode);
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/**
 * How long the programs that write files as another user may take: a folder of that user may hang, as on a dead disk.
 */
const writeLimitMs = 30_000;
const leftFolder = 91;

/**
 * Like `writeFiles`, for an agent that runs as another user: a shell of that user writes the files. The manifest
 * chooses the working folder and the agent controls its content, so the kernel must check each step against that user's
 * permissions.
 */
export async function writeFilesAs(
  { clock, tools }: { clock: Clock; tools: Tools },
  user: readonly string[],
  folder: string,
  files: readonly FileSpec[],
): Promise<void> {
  for (const file of files) {
    if (leavesFolder(file.path)) throw outside(file.path);
    const { code, output } = await executeAs(clock, tools, {
      user,
      command: [tools.sh, '-c', writeScript, 'agentctl', file.path, file.mode.toString(8)],
      env: { PATH: systemPath },
      workingDir: folder,
      input: Buffer.from(file.content).toString('base64'),
      timeout: writeLimitMs,
    });
    if (code === leftFolder) throw outside(file.path);
    if (code !== 0) throw notWritten(file.path, output);
  }
}

/** $1: the path, $2: the mode. Reads the content in base64 and renames, as above. */
const writeScript = `set -e
umask 077
top=$(pwd -P)
folder=$(dirname -- "$1")
mkdir -p -- "$folder"
cd -- "$folder"
case "$(pwd -P)/" in "\${top%/}"/*) ;; *) exit ${leftFolder} ;; esac
name=$(basename -- "$1")
partial=./$name.agentctl-new
trap 'rm -f -- "$partial"' EXIT
rm -f -- "$partial"
base64 -d >"$partial"
chmod -- "$2" "$partial"
mv -fT -- "$partial" "./$name"`;

function notWritten(path: string, output: string): DriverError {
  const why = output.trim();
  const full = /no space left|quota exceeded/i.test(why);
  return new DriverError(
    full ? 'Retryable' : 'NotStartable', // only a full disk is a fault of the Runtime
    full ? 'DiskFull' : 'FilesNotWritable',
    `spec.template.files: the user of spec.template.user cannot write "${path}": ${why}; ${full ? 'free some space' : 'set spec.template.workingDir to a folder that this user may write'}`,
  );
}

const outside = (path: string): DriverError =>
  new DriverError(
    'Terminal',
    'InvalidSpec',
    `spec.template.files: "${path}" must be relative and stay in the working directory of the process`,
  );
