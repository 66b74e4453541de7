import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { signalName } from '../../api/signal.ts';
import type { Observed, ObservedExit } from '../../plan/world.ts';
import { ignoring, isCode } from '../../platform/code.ts';
import type { RunSpec } from '../driver.ts';
import { living, type ProcessId } from '../proc.ts';

/**
 * What is on disk:
 *
 *     instances/<namespace>/<instance>/<uid, 8 digits>-<run that made it>/    the `ref`, mode 0700
 *         work/             the working folder, unless the spec names another
 *         in                a FIFO, the standard input of an agent that has one
 *         <run>.out, .err   FIFOs, the output of a run; removed once all of it is in the log
 *         <run>.log/        the log of a run, written by the collector (see collector/) in segments 1, 2, ...
 *             drained       the log is complete
 *             closed        the collector has ended, and had written everything that it had read
 *         <run>/            the marks of a run, in a folder of their own so that its watcher sees no output
 *             run.json      identity and log limits of the run; no environment or arguments, which may hold secrets
 *             start.A       the attempt A to start the run: without it, its shim makes no claim
 *             claim         created with O_EXCL by the shim that carries the run out: no run is started twice
 *             void          the driver took the claim: no shim will ever carry the run out
 *             escaped       the main process could not move into the run's cgroup
 *             shim.P.S      the shim's pid and start time
 *             pid.P.S       the main process's, written by itself just before it becomes the program
 *             exit.C        the exit code; its mtime is the time. exit.C.lost and exit.C.reboot are the driver's
 *
 * Marks are empty files whose names hold all information: each is whole or absent, and needs no space on a full disk.
 * They are read and written synchronously, like the store: the thread pool costs many times more than such a read.
 */
interface RunMeta {
  identity: RunSpec['identity'];
  bootId: string;
  workingDir: string;
  user?: string | undefined;
  /** The run's own cgroup, absolute; absent if the host does not let us create one. */
  cgroup?: string | undefined;
  /** Its output is read for a protocol: none of it is deleted before that. */
  talks: boolean;
  logs: { maxSize: number; maxFiles: number };
}

export interface Marks {
  claimed: boolean;
  /** The main process could not move into the run's cgroup. */
  escaped?: true;
  /** No shim will ever carry the run out. */
  void?: true;
  shim?: ProcessId;
  main?: ProcessId;
  exit?: { file: string; code: number; by: 'shim' | 'lost' | 'reboot' };
}

export interface Run {
  number: number;
  /** The folder of its marks. */
  folder: string;
  meta: RunMeta;
}

export const instanceFolder = (root: string, identity: { namespace: string; instance: string }): string =>
  join(root, identity.namespace, identity.instance);

export const refOf = (root: string, identity: RunSpec['identity']): string =>
  join(instanceFolder(root, identity), `${identity.uid.slice(0, 8)}-${identity.run}`);

export const runFolder = (ref: string, run: number): string => join(ref, String(run));

export const outputFifo = (ref: string, run: number, stream: 'stdout' | 'stderr'): string =>
  join(ref, `${run}.${stream.slice(3)}`);

export const inputFifo = (ref: string): string => join(ref, 'in');

export const logFolder = (ref: string, run: number): string => join(ref, `${run}.log`);

/** In the folder of a log: the log has all output of the run. */
export const drainedMark = 'drained';

/** Returns whether a log is complete. The log of a removed instance counts as complete. */
export function isDrained(log: string): boolean {
  const names = namesIn(log);
  return names === undefined || names.includes(drainedMark);
}

/** Deletes everything of one run, its marks first. */
export async function discardRun(ref: string, run: number): Promise<void> {
  const pipes = [outputFifo(ref, run, 'stdout'), outputFifo(ref, run, 'stderr')];
  for (const path of [runFolder(ref, run), ...pipes, logFolder(ref, run)]) await removeFolder(path);
}

/** Returns the numbers of the runs in a ref, newest first; undefined if the ref is gone. */
export function runNumbers(ref: string): number[] | undefined {
  const names = namesIn(ref);
  return names
    ?.filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => b - a);
}

/** Returns the newest run that was at least prepared; undefined if there is none. */
export function newestRun(ref: string): Run | undefined {
  for (const number of runNumbers(ref) ?? []) {
    const run = findRun(ref, number);
    if (run !== undefined) return run;
  }
  return undefined;
}

/** Returns undefined if the run was never prepared, or is gone. */
export function findRun(ref: string, number: number): Run | undefined {
  const folder = runFolder(ref, number);
  const meta = readMeta(folder);
  return meta === undefined ? undefined : { number, folder, meta };
}

export const writeMeta = (folder: string, meta: RunMeta): void =>
  writeFileSync(join(folder, 'run.json'), `${JSON.stringify(meta)}\n`, { mode: 0o600 });

/** Returns undefined if there is none, or only a part because the controller died while it prepared the run. */
export function readMeta(folder: string): RunMeta | undefined {
  try {
    // Only writeMeta writes in this folder, so whatever parses was written by it.
    return JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as RunMeta;
  } catch (error) {
    if (error instanceof SyntaxError || isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A run whose folder is gone is void. */
export function readMarks(folder: string): Marks {
  const names = namesIn(folder);
  if (names === undefined) return { claimed: false, void: true };
  const marks: Marks = { claimed: false };
  for (const file of names) addMark(marks, file);
  return marks;
}

/** Returns the marks if they are of this boot: pids of an earlier boot may be reused. */
export const marksOfBoot = ({ meta, folder }: Run, bootId: string): Marks =>
  meta.bootId === bootId ? readMarks(folder) : { claimed: false };

export function addMark(marks: Marks, file: string): void {
  const [kind, first, second] = file.split('.');
  if (kind === 'claim') marks.claimed = true;
  else if (kind === 'void') marks.void = true;
  else if (kind === 'escaped') marks.escaped = true;
  else if (kind === 'shim') marks.shim = { pid: Number(first), start: Number(second) };
  else if (kind === 'pid') marks.main = { pid: Number(first), start: Number(second) };
  else if (kind === 'exit' && (marks.exit === undefined || second === undefined))
    marks.exit = {
      file,
      code: Number(first),
      by: second === 'lost' || second === 'reboot' ? second : 'shim',
    };
}

/** Returns the cgroup that contains all of a run except its shim; undefined if there is none, or it is not certain. */
export const cgroupOf = ({ meta }: Run, { main, escaped }: Marks): string | undefined =>
  main === undefined || escaped === true ? undefined : meta.cgroup;

/** Ensures that no shim begins this run from now on. Returns false if a shim has claimed it already. */
export function voidRun(folder: string): boolean {
  try {
    writeFileSync(join(folder, 'claim'), '', { flag: 'wx', mode: 0o600 });
    writeFileSync(join(folder, 'void'), '', { mode: 0o600 });
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return readMarks(folder).void === true;
    if (isCode(error, 'ENOENT')) return true; // without its folder no shim can claim it
    if (!isCode(error, 'ENOSPC', 'EDQUOT')) throw error;
    return voidByMoving(folder);
  }
}

/** For a full disk, on which no claim can be created. */
function voidByMoving(folder: string): boolean {
  const moved = `${folder}.void`;
  renameSync(folder, moved);
  const { shim, main } = readMarks(moved);
  const begins = shim !== undefined || main !== undefined;
  if (begins) renameSync(moved, folder);
  else rmSync(moved, { recursive: true, force: true });
  return !begins;
}

const markTime = (folder: string, file: string): number => Math.floor(statSync(join(folder, file)).mtimeMs);

/** Retries, because a process that has not ended yet may be writing in it. */
export const removeFolder = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });

/** Returns undefined if the folder is gone. */
export function namesIn(folder: string): string[] | undefined {
  return ignoring(() => readdirSync(folder), 'ENOENT', 'ENOTDIR');
}

/**
 * Everything that is not in the metadata is in the marks, except the times. The run's folder may disappear at any
 * moment: then throws ENOENT.
 */
export function present(ref: string, run: Run, { main, exit }: Marks): Observed {
  const { identity, bootId } = run.meta;
  const about = {
    ref,
    instanceUid: identity.uid,
    namespace: identity.namespace,
    instance: identity.instance,
    agent: identity.agent,
    run: run.number,
    revision: identity.revision,
    controllerVersion: identity.controllerVersion,
  };
  // Until the main process has left its mark, the program does not run.
  if (main === undefined) return { ...about, state: 'Created' };
  const started = {
    startId: `${bootId}:${main.pid}:${main.start}`,
    startedAt: markTime(run.folder, `pid.${main.pid}.${main.start}`),
  };
  if (exit !== undefined) return { ...about, ...started, state: 'Exited', exit: exitOf(run.folder, exit) };
  return { ...about, ...started, state: living(main)?.state === 'T' ? 'Paused' : 'Running' };
}

/**
 * Returns the marks, with the exit that no shim will write any more: the host was rebooted, or the shim was killed and
 * the main process has ended since. That exit is written once, so that its time does not change.
 */
export function settledMarks(run: Run, bootId: string): Marks {
  const marks = readMarks(run.folder);
  if (marks.main === undefined || marks.exit !== undefined) return marks;
  const rebooted = run.meta.bootId !== bootId;
  if (!rebooted && lives(marks)) return marks;
  // The shim writes before it ends. Now that it has ended, a second read is final.
  const again = readMarks(run.folder);
  if (again.exit !== undefined) return again;
  touch(join(run.folder, rebooted ? 'exit.137.reboot' : 'exit.137.lost'));
  return readMarks(run.folder);
}

/** Whether anything still runs, or will still record the exit. */
export const lives = ({ main, shim }: Marks): boolean =>
  [main, shim].some((id) => id !== undefined && living(id) !== undefined);

function touch(path: string): void {
  ignoring(() => writeFileSync(path, '', { flag: 'wx', mode: 0o600 }), 'EEXIST', 'ENOENT');
}

function exitOf(folder: string, exit: NonNullable<Marks['exit']>): ObservedExit {
  const finishedAt = markTime(folder, exit.file);
  switch (exit.by) {
    case 'shim':
      return { code: exit.code, ...signalOf(exit.code), finishedAt, cause: 'Agent' };
    case 'lost':
      return {
        code: exit.code,
        finishedAt,
        cause: 'Agent',
        message: 'The exit code is unknown: the shim that waited for the process was killed.',
      };
    case 'reboot':
      return { code: exit.code, finishedAt, cause: 'Runtime', message: 'The host was restarted.' };
  }
}

/** A shell reports the end by signal n as 128 + n. */
function signalOf(code: number): { signal?: string } {
  const number = code - 128;
  return number >= 1 && number <= 64 ? { signal: signalName(number) } : {};
}
