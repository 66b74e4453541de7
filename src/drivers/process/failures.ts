import { statfs } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { listed } from '../../api/text.ts';
import { isCode } from '../../platform/code.ts';
import { DriverError } from '../driver.ts';
import { tooManyOpenFiles } from '../open-files.ts';
import type { Marks } from './layout.ts';
import { living } from './proc.ts';

/** Translates any failure of a start for the planner. */
export function asDriverError(error: unknown): DriverError {
  if (error instanceof DriverError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isCode(error, 'ENOSPC', 'EDQUOT')) return diskFull(message, error);
  if (isCode(error, 'EMFILE', 'ENFILE')) return tooManyOpenFiles(error);
  const text = `the process could not be prepared: ${message}`;
  return new DriverError('Retryable', 'StartFailed', text, { cause: error });
}

/** Returns why a shim left no main process, as far as it can be seen from here. */
export async function notBegun(ref: string, marks: Marks, limitMs: number): Promise<DriverError> {
  const { claimed, shim } = marks;
  if (marks.void === true)
    return new DriverError('NotStartable', 'GivenUp', 'the start was cancelled before the program began');
  const { bavail, ffree, files } = await statfs(ref);
  if (bavail === 0 || (files > 0 && ffree === 0)) return diskFull(ref);
  const shimEnded = shim !== undefined && living(shim) === undefined;
  if (shimEnded)
    return new DriverError(
      'Retryable',
      'StartFailed',
      `the shell that waits for the process (pid ${shim.pid}) ended before the program started: it was killed, or it cannot write in ${ref} or enter the working directory`,
    );
  const stage = claimed ? 'had not finished starting it' : 'had not begun to start it';
  // Not the agent's fault, so it is not counted as a failure.
  return new DriverError(
    'NotStartable',
    'HostBusy',
    `the start timed out: after ${limitMs / 1000} s the shell ${stage}. The host is very busy (load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors)`,
  );
}

export function killFailed(pids: readonly number[]): DriverError {
  const names = pids.map(String);
  return new DriverError(
    'Retryable',
    'KillFailed',
    `processes of the instance do not end after SIGKILL: ${listed(names)}; show them with: ps -o pid,stat,wchan,args -p ${names.slice(0, 10).join(',')}`,
  );
}

/** The program may have changed its own environment, so that is not what it was given. */
export const environmentUnknown = (ref: string): DriverError =>
  new DriverError(
    'Retryable',
    'EnvironmentUnknown',
    `it is unknown which environment ${ref} was started with`,
  );

export const gone = (ref: string): DriverError =>
  new DriverError('Retryable', 'Gone', `the process ${ref} no longer exists`);

/** Only a controller with an outdated cache can cause this. */
export const superseded = (ref: string, run: number, newest: number): DriverError =>
  new DriverError('Retryable', 'Superseded', `run ${run} of ${ref} is outdated: run ${newest} is newer`);

const diskFull = (what: string, cause?: unknown): DriverError =>
  new DriverError(
    'Retryable',
    'DiskFull',
    `no space left for the files of the process (${what}); free some space`,
    {
      cause,
    },
  );
