import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { isCode } from '../../platform/code.ts';
import { DriverError } from '../driver.ts';
import { inputClosed } from '../input.ts';

/**
 * Opens the standard input of a run for writing. Without blocking: a stream that blocks on a FIFO which nobody reads
 * takes a thread of those that do all file system work of Node. For writing alone: whoever holds it for reading keeps
 * unread input alive for the next run.
 */
export function openFifo(fifo: string): Socket {
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
