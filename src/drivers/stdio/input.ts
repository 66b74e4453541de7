import type { Duplex } from 'node:stream';
import { attachLimits } from '../attachment.ts';
import { DriverError } from '../driver.ts';

/** The standard input of one run. */
export interface Input {
  /** See Attachment.write. */
  write(text: string): Promise<void>;
  /** Rejects pending and later writes with NotRunning. Input that the program has not read is lost. */
  close(why: string): void;
}

/**
 * `open` is called for the first write, and for the first write after the pipe was lost. If a line may have been cut in
 * half, by an earlier input (`cut`) or with the pipe, a newline is written before the next line.
 */
export function createInput(
  name: string,
  open: () => Duplex | Promise<Duplex>,
  { cut = false }: { cut?: boolean | undefined } = {},
): Input {
  let half = cut;
  let closed: DriverError | undefined;
  let opened: Promise<Duplex> | undefined;
  let pipe: Duplex | undefined;
  /** In bytes. */
  let waiting = 0;

  const reopen = (): Promise<Duplex> => {
    const opening = Promise.resolve().then(open);
    const forget = (): void => {
      if (opened === opening) opened = undefined;
    };
    opened = opening;
    opening.then((made) => {
      pipe = made;
      // Each write gets the error itself.
      made.on('error', forget).on('close', forget);
      if (closed !== undefined) made.destroy();
    }, forget);
    return opening;
  };

  return {
    async write(text) {
      if (closed !== undefined) throw closed;
      const whole = half ? `\n${text}` : text;
      const bytes = Buffer.byteLength(whole);
      if (waiting > 0 && waiting + bytes > attachLimits.input)
        throw new DriverError(
          'Retryable',
          'InputFull',
          `the process does not read its input: ${waiting} bytes already wait in ${name}`,
        );
      half = false;
      waiting += bytes;
      try {
        const into = await (opened ?? reopen()).catch((error: unknown) => {
          half ||= whole !== text;
          throw error;
        });
        if (closed !== undefined) throw closed;
        await new Promise<void>((resolve, reject) => {
          into.write(whole, (error) => {
            // A destroyed stream may report an error or none.
            const failure = closed ?? (error == null ? undefined : inputClosed(name, error));
            if (failure === undefined) return resolve();
            half ||= whole !== text || waiting > attachLimits.whole;
            reject(failure);
          });
        });
      } finally {
        waiting -= bytes;
      }
    },
    close(why) {
      closed ??= new DriverError('Retryable', 'NotRunning', why);
      pipe?.destroy();
    },
  };
}

export const inputClosed = (name: string, cause: unknown): DriverError =>
  new DriverError('Retryable', 'NotRunning', `no process is reading ${name}`, { cause });
