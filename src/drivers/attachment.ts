export interface AttachOptions {
  run: number;
  /** From Observed. A container's output continues over its runs; this names the start that is meant. */
  startId: string;
  /** A cursor from an earlier attachment to the same run. Absent: from the first byte of the run. */
  cursor?: string | undefined;
  /** The last write may have been cut short: the first write then begins with a newline, which ends that line. */
  cut?: boolean | undefined;
  /** Closes the attachment. */
  signal: AbortSignal;
}

/** All in bytes. */
export const attachLimits = {
  /** A longer line is cut. */
  line: 16 * 1024 * 1024,
  /** How much is returned of a cut line. */
  cutTo: 1024,
  /** How much may wait to be written. A text of any size is accepted if nothing waits. */
  input: 16 * 1024 * 1024,
  /** A write of at most this size goes into a pipe atomically (PIPE_BUF), while nothing else waits. */
  whole: 4096,
} as const;

export interface Attachment {
  /**
   * Standard output as whole lines, in order, in batches of all that has come; for one reader, once. Ends when the run
   * has ended and everything was read, or when the attachment is closed. Throws DriverError if the stream is lost: then
   * attach again at the last cursor. The last line of a run may lack its newline and be incomplete. Output is read only
   * on demand: a slow reader neither grows the memory nor delays other readers.
   */
  readonly lines: AsyncIterable<readonly OutputLine[]>;

  /**
   * Writes whole lines, each with its newline. Resolves once they are in the pipe. Throws DriverErrors: Retryable
   * `NotRunning` (the run has ended, or its input or the attachment is closed) and `InputFull` (the agent does not
   * read). Nothing else is written, except a newline after a line that may have been cut in half.
   */
  write(text: string): Promise<void>;

  /**
   * Confirms that output up to this cursor will never be read again, so the Runtime may delete it. Never throws. If a
   * Runtime keeps everything that was not deleted, an agent whose output is not settled blocks at some point.
   */
  settled(cursor: string): void;

  /** The working directory of the instance, absolute. */
  readonly workingDir: string;

  /** Ends `lines` and rejects pending writes. The run continues. Must be called however the lines ended. */
  close(): void;
}

export interface OutputLine {
  /** Without its newline. If the line is longer than `attachLimits.line`: only its beginning, and `cut` is set. */
  text: string;
  /** The length of a line that was cut, in bytes. */
  cut?: number | undefined;
  /** Output before this line may have been lost. */
  gap?: true | undefined;
  /** The place after this line. */
  cursor: string;
}
