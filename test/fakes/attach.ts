import {
  type Attachment,
  type AttachOptions,
  attachLimits,
  type OutputLine,
} from '../../src/drivers/attachment.ts';
import { DriverError } from '../../src/drivers/driver.ts';
import type { FakeContainer } from './container.ts';
import type { FakeEngine } from './engine.ts';
import { notRunning } from './stdio.ts';

/** Opens the streams of the newest start; a cursor is the number of lines before it. */
export function attachTo(
  engine: FakeEngine,
  container: FakeContainer,
  { startId, cursor = '0', cut = false, signal }: AttachOptions,
): Attachment {
  const { stdio } = container;
  if (stdio === undefined || container.startId !== startId)
    throw new DriverError('Retryable', 'Gone', `start ${startId} of ${container.ref} is not the newest`);
  let closed = signal.aborted;
  let lost = false;
  let half = cut;
  let refuse = (_: DriverError): void => {};
  const refused = new Promise<never>((_, reject) => {
    refuse = reject;
  });
  refused.catch(() => {}); // where nothing waits to be written
  let wake = (): void => {};
  const ring = (): void => wake();

  const lose = (): void => {
    lost = true;
    ring();
  };
  const close = (): void => {
    closed = true;
    refuse(notRunning());
    release();
    ring();
  };
  const release = (): void => {
    stdio.readers.delete(ring);
    engine.attachments.delete(lose);
    signal.removeEventListener('abort', close);
  };
  stdio.readers.add(ring);
  engine.attachments.add(lose);
  signal.addEventListener('abort', close);

  async function* read(from: number): AsyncGenerator<readonly OutputLine[]> {
    for (let at = from; !closed; ) {
      const fresh = stdio?.stdout.slice(at) ?? [];
      if (fresh.length > 0) {
        yield fresh.map((text, index) => ({ ...shortened(text), cursor: String(at + index + 1) }));
        at += fresh.length;
      } else if (lost) {
        throw new DriverError('Offline', 'EngineUnreachable', 'the stream of the fake engine was lost');
      } else if (stdio?.ended) {
        return release();
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }

  return {
    lines: read(Number(cursor)),
    async write(text) {
      if (closed) throw notRunning();
      engine.answer('write');
      const whole = half ? `\n${text}` : text;
      half = false;
      await Promise.race([stdio.write(whole), refused]);
    },
    settled() {},
    workingDir: workingDirOf(container),
    close,
  };
}

export const workingDirOf = ({ spec }: FakeContainer): string => spec?.workingDir ?? '/work';

function shortened(text: string): { text: string; cut?: number } {
  const bytes = Buffer.from(text);
  if (bytes.length <= attachLimits.line) return { text };
  return { text: bytes.toString('utf8', 0, attachLimits.cutTo), cut: bytes.length };
}
