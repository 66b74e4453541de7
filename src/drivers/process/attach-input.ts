import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { attachLimits, DriverError } from '../driver.ts';
import { isCode } from './layout.ts';

/** The FIFO of one run, its standard input. */
export interface Input {
  /** See Attachment.write. */
  write(text: string): Promise<void>;
  /** From now on, and for all that waits, writing is refused as NotRunning. What the program has not read is gone. */
  close(why: string): void;
}

/** It is opened at the first write. The first after that begins with a newline. */
export function createInput(fifo: string): Input {
  let closed: DriverError | undefined;
  let socket: Socket | undefined;
  /** In bytes. */
  let waiting = 0;

  const opened = (): Socket => {
    if (socket !== undefined) return socket;
    const fresh = openFifo(fifo);
    socket = fresh;
    const forget = (): void => {
      if (socket === fresh) socket = undefined;
    };
    // Each write hears of it by itself.
    fresh.on('error', forget).on('close', forget);
    return fresh;
  };

  return {
    async write(text) {
      if (closed !== undefined) throw closed;
      const whole = socket === undefined ? `\n${text}` : text;
      const bytes = Buffer.byteLength(whole);
      if (waiting > 0 && waiting + bytes > attachLimits.input)
        throw new DriverError(
          'Retryable',
          'InputFull',
          `${waiting} bytes wait in ${fifo} already: the process does not read its standard input`,
        );
      const into = opened();
      waiting += bytes;
      try {
        await new Promise<void>((resolve, reject) => {
          into.write(whole, (error) => {
            // A socket that is destroyed says so, or says nothing.
            const failure = error == null ? closed : (closed ?? inputClosed(fifo, error));
            if (failure === undefined) resolve();
            else reject(failure);
          });
        });
      } finally {
        waiting -= bytes;
      }
    },
    close(why) {
      closed ??= new DriverError('Retryable', 'NotRunning', why);
      socket?.destroy();
    },
  };
}

/**
 * Without blocking: a stream that blocks on a FIFO which nobody reads takes a thread of those that do all file system
 * work of Node. For writing alone: whoever holds it for reading keeps unread input alive for the next run.
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
      {
        cause: error,
      },
    );
  }
}

const inputClosed = (fifo: string, cause: unknown): DriverError =>
  new DriverError('Retryable', 'NotRunning', `no process reads ${fifo} any more`, { cause });
