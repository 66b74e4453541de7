import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Clock } from '../../platform/clock.ts';
import { isCode } from '../../platform/code.ts';
import { type Attachment, type AttachOptions, DriverError } from '../driver.ts';
import { createInput, inputClosed } from '../stdio/input.ts';
import { openOutput, settleOutput } from './attach-output.ts';
import { gone } from './failures.ts';
import { inputFifo, logFolder, type Run } from './layout.ts';

/** How an attachment learns that its run has ended. */
export interface RunEnd {
  hasEnded(): Promise<boolean>;
  /** Calls back when `hasEnded` should be called again. */
  subscribe(callback: () => void): () => void;
}

export interface Attachments {
  open(ref: string, run: Run, end: RunEnd, options: AttachOptions): Promise<Attachment>;
  /** A later run is about to begin: no write to an earlier run may reach it. */
  supersede(ref: string, run: number): void;
  close(): void;
}

export function createAttachments(clock: Clock): Attachments {
  const all = new Set<{ ref: string; run: number; endInput(): void; close(): void }>();

  return {
    async open(ref, run, end, { cursor, cut, signal }) {
      const folder = logFolder(ref, run.number);
      const output = await openOutput(folder, { cursor, clock }).catch((error: unknown) => {
        throw isCode(error, 'ENOENT') ? gone(ref) : error;
      });
      const fifo = inputFifo(ref);
      const input = createInput(fifo, () => openFifo(fifo), { cut });
      const endInput = (): void => input.close(`run ${run.number} of ${ref} has ended`);
      const close = (): void => {
        input.close(`the attachment to run ${run.number} of ${ref} was closed`);
        output.close();
        unsubscribe();
        signal.removeEventListener('abort', close);
        all.delete(entry);
      };
      const entry = { ref, run: run.number, endInput, close };
      all.add(entry);
      const check = async (): Promise<void> => {
        try {
          if (!(await end.hasEnded())) return;
          endInput();
          output.end();
        } catch (error) {
          output.fail(
            new DriverError(
              'Retryable',
              'OutputLost',
              `it is unknown whether run ${run.number} of ${ref} is running`,
              {
                cause: error,
              },
            ),
          );
        }
      };
      const unsubscribe = end.subscribe(() => void check());
      signal.addEventListener('abort', close);
      await check();
      if (signal.aborted) close();
      let settledSegment = '';
      const settled = (place: string): void => {
        const [segment = ''] = place.split(':');
        if (segment === settledSegment) return;
        settledSegment = segment;
        settleOutput(folder, place, run.meta.logs.maxFiles).catch(() => {
          settledSegment = ''; // retried with the next line
        });
      };
      const { workingDir } = run.meta;
      return { lines: output.lines, write: input.write, settled, workingDir, close };
    },
    supersede(ref, run) {
      for (const entry of all) if (entry.ref === ref && entry.run < run) entry.endInput();
    },
    close() {
      for (const { close } of all) close();
    },
  };
}

/**
 * Opens the standard input of a run for writing. Non-blocking: a blocking open of a FIFO without a reader would occupy
 * a thread of Node's pool for file system work. Write-only: a process that holds it open for reading keeps unread input
 * alive for the next run.
 */
function openFifo(fifo: string): Socket {
  let fd: number | undefined;
  try {
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    return new Socket({ fd, readable: false, writable: true });
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    if (isCode(error, 'ENXIO', 'ENOENT')) throw inputClosed(fifo, error);
    throw new DriverError(
      'Retryable',
      'InputFailed',
      `the input ${fifo} cannot be opened: ${String(error)}`,
      { cause: error },
    );
  }
}
