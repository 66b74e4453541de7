import { visible } from '../api/text.ts';
import { limits, SourceError } from './source.ts';

const text = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MiB`;

/**
 * Throws if there are more files than a Source reads, or larger ones. Sizes are in bytes; `remedy` ends the message.
 */
export function checkLimits(
  files: readonly { path: string; size: number }[],
  remedy = 'narrow path and include, or ignore files that are not manifests',
): void {
  const fault = (what: string): SourceError => new SourceError('TooLarge', `${what}: ${remedy}`);
  if (files.length > limits.files)
    throw fault(`found ${files.length} files, expected at most ${limits.files}`);
  let total = 0;
  for (const { path, size } of files) {
    if (size > limits.file)
      throw fault(`${path} has ${text(size)}, expected at most ${text(limits.file)} per file`);
    total += size;
  }
  if (total > limits.total)
    throw fault(`the files have ${text(total)} in total, expected at most ${text(limits.total)}`);
}

/** Throws if the name of a manifest cannot be displayed: objects contain it, and terminals print it. */
export function checkName(path: string): void {
  const fault = path.includes('\ufffd')
    ? 'is not UTF-8'
    : visible(path) !== path
      ? 'has control characters'
      : undefined;
  if (fault !== undefined)
    throw new SourceError('Failed', `the file name ${path} ${fault}: rename the file, or ignore it`);
}

export interface ProcessLimits {
  /** Private writable memory, in MiB (RLIMIT_DATA). Programs in Go map far more than they use, which does not count. */
  memory: number;
  /** The largest file that may be written, in MiB. */
  file: number;
}

/** Processor time in seconds. Ends abandoned processes, for example after the controller was killed. */
const mostTime = 3600;

/**
 * Returns a shell script that runs its arguments, and everything they start, within the limits. Limits that a system
 * does not support are skipped.
 */
export const limitedBy = ({ memory, file }: ProcessLimits): string =>
  [`-d ${memory * 1024}`, `-f ${file * 2048}`, `-t ${mostTime}`, '-c 0']
    .map((limit) => `ulimit ${limit} 2>/dev/null`)
    .concat('exec "$@"')
    .join('; ');

export const shell = '/bin/sh';
