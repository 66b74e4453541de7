import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { type Cancel, type Clock, sleep } from '../platform/clock.ts';
import { isCode } from '../platform/code.ts';

/** Identifies one process of this boot uniquely: a pid may be reused, but not with the same start time. */
export interface ProcessId {
  pid: number;
  /** Clock ticks since boot: field 22 of /proc/PID/stat. */
  start: number;
}

export interface ProcessStat extends ProcessId {
  /** One letter, as in proc(5). */
  state: string;
  parent: number;
  group: number;
  session: number;
}

export interface ScannedProcess extends ProcessStat {
  /** AGENTCTL_INSTANCE_UID in its environment. */
  instanceUid: string | undefined;
  /** AGENTCTL_RUN in its environment; 0 if it is not a number. */
  run: number;
  /** Its environment is empty: the process cleared it, or it is in exec and will show one in a moment. */
  bare: boolean;
}

export const uidVariable = 'AGENTCTL_INSTANCE_UID';
export const runVariable = 'AGENTCTL_RUN';

/** Files of /proc are read synchronously: they never wait for a disk, and a look must be consistent. */
export function readStat(pid: number): ProcessStat | undefined {
  const text = readProc(`${pid}/stat`)?.toString('latin1');
  if (text === undefined) return undefined;
  // The name before it is in parentheses and may contain spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent, group, session] = fields;
  return {
    pid,
    start: Number(fields[19]),
    state,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
  };
}

/** Returns its stat while it runs. A zombie counts as dead, and so does a process whose pid was reused. */
export function living(id: ProcessId): ProcessStat | undefined {
  const stat = readStat(id.pid);
  return stat !== undefined && stat.start === id.start && !isDead(stat) ? stat : undefined;
}

export const isDead = (stat: ProcessStat): boolean => stat.state === 'Z' || stat.state === 'X';

export const sameProcess = (a: ProcessId, b: ProcessId): boolean => a.pid === b.pid && a.start === b.start;

/** Adds to `found` the descendants among `all`. */
export function addDescendants<Process extends ProcessStat>(
  found: Set<Process>,
  all: readonly Process[],
): void {
  const pids = new Set([...found].map(({ pid }) => pid));
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const one of all)
      if (pids.has(one.parent)) {
        found.add(one);
        pids.add(one.pid);
      }
  }
}

/** Returns the environment of the process's last exec; undefined if it is gone or we have no permission to read it. */
export function readEnvironment(pid: number): Record<string, string> | undefined {
  const text = readProc(`${pid}/environ`)?.toString();
  if (text === undefined) return undefined;
  const variables = text.split('\0').filter((variable) => variable.includes('='));
  return Object.fromEntries(
    variables.map((variable) => {
      const at = variable.indexOf('=');
      return [variable.slice(0, at), variable.slice(at + 1)];
    }),
  );
}

/**
 * Returns every process that this user may see. In slices, because it takes about 20 microseconds a process: `pause`
 * lets other work run.
 */
async function scan(pause: () => Promise<unknown> = setImmediate): Promise<ScannedProcess[]> {
  const found: ScannedProcess[] = [];
  for (const [index, name] of readdirSync('/proc').entries()) {
    if (index % 100 === 0) await pause();
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? readStat(pid) : undefined;
    if (stat !== undefined) found.push({ ...stat, ...ownerOf(stat) });
  }
  return found;
}

export const readBootId = (): string =>
  readProc('sys/kernel/random/boot_id')?.toString('latin1').trim() ?? 'unknown';

function ownerOf({ pid, parent }: ProcessStat): Pick<ScannedProcess, 'instanceUid' | 'run' | 'bare'> {
  const environment = readProc(`${pid}/environ`);
  const instanceUid = environment && variable(environment, uidVariable);
  const run = environment && variable(environment, runVariable);
  const isOfKernel = pid === 2 || parent === 2;
  return { instanceUid, run: Number(run) || 0, bare: environment?.length === 0 && !isOfKernel };
}

/** Returns open files that the shell left open when it started the controller, and that our children would inherit. */
export function inheritableFiles(): number[] {
  const files = readdirSync('/proc/self/fdinfo').map(Number);
  return files.filter((file) => {
    const flags = /^flags:\s*(\d+)/m.exec(readProc(`self/fdinfo/${file}`)?.toString() ?? '')?.[1];
    const closesOnExec = 0o2000000;
    return file > 2 && flags !== undefined && (Number.parseInt(flags, 8) & closesOnExec) === 0;
  });
}

/** Finds a variable in `name=value\0name=value\0...`, without converting all of it to a string. */
function variable(environment: Buffer, name: string): string | undefined {
  const key = `${name}=`;
  let at = environment.indexOf(key);
  while (at > 0 && environment[at - 1] !== 0) at = environment.indexOf(key, at + 1);
  if (at < 0) return undefined;
  const end = environment.indexOf(0, at);
  return environment.toString('latin1', at + key.length, end < 0 ? undefined : end);
}

/** The buffer of readProc. Shared, because a look at all processes reads hundreds of files. */
const space = Buffer.allocUnsafeSlow(256 * 1024);

/**
 * The result is valid until the next call; undefined if the process is gone or belongs to another user. Throws errors
 * that leave that unknown.
 */
function readProc(path: string): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(`/proc/${path}`, 'r');
    const length = readSync(file, space, 0, space.length, 0);
    return length < space.length ? space.subarray(0, length) : readFileSync(file);
  } catch (error) {
    // Only these mean that it is gone or belongs to another user. Without descriptors or memory, nothing is known.
    if (isCode(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined;
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Kills a process, or a group by its negative number. Succeeds if it has ended already. */
export function sendKill(pid: number): void {
  sendSignal(pid, 'SIGKILL');
}

/** Returns false if there is no process with that number. */
export function sendSignal(pid: number, signal: number | NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

/** A run whose processes have no cgroup, so that they must be found by their marks. */
interface Uncontained {
  instanceUid: string;
  run: number;
  main: ProcessId;
}

/**
 * Scans all processes of the host ("a look"), shared by all runs: looks take at most a fifth of a core's time, however
 * many callers there are. While there are runs without cgroups, regular looks record the ancestry of their processes,
 * because a process may lose its environment, session and parent later.
 */
export interface Looks {
  /** Returns the result of a look that begins after this call. */
  next(): Promise<ScannedProcess[]>;
  /** The returned function ends it. */
  remember(run: Uncontained): () => void;
  close(): void;
}

const everyMs = 1000;
/** The pause after a look, as a multiple of its length: for regular looks, and for requested ones. */
const rest = { regular: 50, asked: 4 };

export function createLooks(
  clock: Clock,
  look: (pause: () => Promise<unknown>) => Promise<ScannedProcess[]> = scan,
): Looks {
  const runs = new Set<Uncontained>();
  let owners: ReadonlyMap<number, Owned> = new Map();
  let pending: Promise<ScannedProcess[]> | undefined;
  let lastEnd = 0;
  let lastLength = 0;
  let cancel: Cancel | undefined;

  const take = async (): Promise<ScannedProcess[]> => {
    await sleep(clock, lastEnd + lastLength * rest.asked - clock.now());
    pending = undefined;
    const begun = clock.now();
    let others = 0; // time of other work, which is not part of the look
    const all = await look(async () => {
      const paused = clock.now();
      await setImmediate();
      others += clock.now() - paused;
    });
    lastEnd = clock.now();
    lastLength = lastEnd - begun - others;
    const found = withOwners(all, runs, owners);
    owners = new Map(
      found.flatMap(({ pid, start, instanceUid, run }) =>
        instanceUid === undefined ? [] : [[pid, { start, instanceUid, run }]],
      ),
    );
    return found;
  };
  const next = (): Promise<ScannedProcess[]> => {
    pending ??= take();
    return pending;
  };
  const schedule = (): void => {
    cancel ??= clock.after(Math.max(everyMs, lastLength * rest.regular), () => {
      cancel = undefined;
      if (runs.size === 0) return;
      // A failed look records nothing; a caller that needs a look requests the next one and gets its error.
      next().then(schedule, schedule);
    });
  };

  return {
    next,
    remember(run) {
      runs.add(run);
      schedule();
      return () => runs.delete(run);
    },
    close() {
      runs.clear();
      cancel?.();
    },
  };
}

interface Owned {
  start: number;
  instanceUid: string;
  run: number;
}

/**
 * Returns all processes, each with the instance that owns it: by its environment, by the owner that was recorded
 * before, as the main process of a run, or by its parent.
 */
export function withOwners(
  all: readonly ScannedProcess[],
  runs: Iterable<Uncontained>,
  before: ReadonlyMap<number, Owned>,
): ScannedProcess[] {
  const byPid = new Map(all.map((one) => [one.pid, one]));
  const known = new Map<number, Omit<Owned, 'start'> | undefined>();
  for (const { instanceUid, run, main } of runs)
    if (byPid.get(main.pid)?.start === main.start) known.set(main.pid, { instanceUid, run });

  const ownerOf = (one: ScannedProcess): Omit<Owned, 'start'> | undefined => {
    if (known.has(one.pid)) return known.get(one.pid);
    known.set(one.pid, undefined); // pids may be reused during a look, so this stops cycles
    const earlier = before.get(one.pid);
    const parent = byPid.get(one.parent);
    const owner =
      one.instanceUid !== undefined
        ? { instanceUid: one.instanceUid, run: one.run }
        : earlier?.start === one.start
          ? earlier
          : parent === undefined
            ? undefined
            : ownerOf(parent);
    known.set(one.pid, owner);
    return owner;
  };

  return all.map((one) => {
    const owner = ownerOf(one);
    return owner === undefined ? one : { ...one, instanceUid: owner.instanceUid, run: owner.run };
  });
}
