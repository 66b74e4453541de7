import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { isCode } from '../../platform/code.ts';

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
export async function scan(pause: () => Promise<unknown> = setImmediate): Promise<ScannedProcess[]> {
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
