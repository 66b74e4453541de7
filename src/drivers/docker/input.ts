import type { Duplex } from 'node:stream';
import { attachLimits, DriverError } from '../driver.ts';

export interface Input {
  /** See Attachment.write. */
  write(text: string): Promise<void>;
  /** From now on, and for all that waits, writing is refused as NotRunning. */
  close(why: string): void;
}

/** `open` is called at the first write. The first after that begins with a newline. */
export function createInput(name: string, open: () => Promise<Duplex>): Input {
  let closed: DriverError | undefined;
  let opened: Promise<Duplex> | undefined;
  let socket: Duplex | undefined;
  /** In bytes. */
  let waiting = 0;

  const reopen = async (): Promise<Duplex> => {
    const forget = (): void => {
      opened = undefined;
    };
    try {
      const fresh = await open();
      socket = fresh;
      // Each write hears of it by itself.
      return fresh.on('error', forget).on('close', forget);
    } catch (error) {
      forget();
      throw error;
    }
  };

  return {
    async write(text) {
      if (closed !== undefined) throw closed;
      const whole = opened === undefined ? `\n${text}` : text;
      const bytes = Buffer.byteLength(whole);
      if (waiting > 0 && waiting + bytes > attachLimits.input)
        throw new DriverError(
          'Retryable',
          'InputFull',
          `${waiting} bytes wait for ${name} already: it does not read its standard input`,
        );
      waiting += bytes;
      try {
        opened ??= reopen();
        const into = await opened;
        if (closed !== undefined) throw closed;
        await new Promise<void>((resolve, reject) => {
          into.write(whole, (error) => {
            // One that is destroyed says so, or says nothing.
            const failure = closed ?? (error == null ? undefined : inputClosed(name, error));
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

export const inputClosed = (name: string, cause: unknown): DriverError =>
  new DriverError('Retryable', 'NotRunning', `the standard input of ${name} is closed`, { cause });
