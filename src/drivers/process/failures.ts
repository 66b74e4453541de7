import { statfs } from 'node:fs/promises';
import { DriverError } from '../driver.ts';
import { isCode } from './layout.ts';

/** What any failure of a start means to the planner. */
export function asDriverError(error: unknown): DriverError {
  if (error instanceof DriverError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isCode(error, 'ENOSPC', 'EDQUOT')) return diskFull(message, error);
  const text = `the process could not be prepared: ${message}`;
  return new DriverError('Retryable', 'StartFailed', text, { cause: error });
}

/** For a shim that could not even leave its marks: why, as far as can be seen from here. */
export async function setupFailed(ref: string): Promise<DriverError> {
  const { bavail, ffree, files } = await statfs(ref);
  if (bavail === 0 || (files > 0 && ffree === 0)) return diskFull(ref);
  return new DriverError(
    'Retryable',
    'StartFailed',
    `the process could not be set up in ${ref}; look at the rights and the free space of that folder`,
  );
}

export const gone = (ref: string): DriverError =>
  new DriverError('Retryable', 'Gone', `there is no process ${ref} any more; create it anew`);

/** Only a controller that believes an old cache asks for it. */
export const superseded = (ref: string, run: number, newest: number): DriverError =>
  new DriverError(
    'Retryable',
    'Superseded',
    `run ${newest} is the newest of ${ref}: run ${run} comes too late`,
  );

const diskFull = (what: string, cause?: unknown): DriverError =>
  new DriverError(
    'Retryable',
    'DiskFull',
    `no space left for the files of the process (${what}); free some`,
    {
      cause,
    },
  );
