export interface ProcessLimits {
  /** Private writable memory, in MiB (RLIMIT_DATA): programs in Go map far more than they use, and that does not count. */
  memory: number;
  /** The largest file that may be written, in MiB. */
  file: number;
}

/** Ends what nobody waits for any more, as when the controller was killed: processor time in seconds. */
const mostTime = 3600;

/** A shell script that runs its arguments, and all that they start, within the limits. What a system does not know is left out. */
export const limitedBy = ({ memory, file }: ProcessLimits): string =>
  [`-d ${memory * 1024}`, `-f ${file * 2048}`, `-t ${mostTime}`, '-c 0']
    .map((limit) => `ulimit ${limit} 2>/dev/null`)
    .concat('exec "$@"')
    .join('; ');

export const shell = '/bin/sh';
