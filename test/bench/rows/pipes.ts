import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** The bench's workers with nobody between them and who asks. */
export interface BarePipes {
  /** Sends so many messages, spread over all workers, and waits until each is answered. */
  answers(count: number, text: string): Promise<void>;
  /** Milliseconds from a worker's first word until it is read. */
  delay(): Promise<number>;
  end(): void;
}

interface Line {
  type: string;
  messageId?: string;
  event?: { text: string };
}

export async function barePipes(worker: string, count: number): Promise<BarePipes> {
  const children: ChildProcessWithoutNullStreams[] = [];
  let sent = 0;
  let tell: (line: Line) => void = () => {};
  for (let n = 0; n < count; n += 1) {
    const child = spawn(process.execPath, [worker]);
    children.push(child);
    const lines = createInterface({ input: child.stdout });
    await once(lines, 'line'); // it is ready
    lines.on('line', (line) => tell(JSON.parse(line) as Line)); // the worker says so
  }
  const send = (message: string): void => {
    const messageId = `m${sent}`;
    const line = { type: 'chat', messageId, conversationId: 'c', message };
    children[sent % count]?.stdin.write(`${JSON.stringify(line)}\n`);
    sent += 1;
  };
  return {
    answers: (many, text) =>
      new Promise((resolve) => {
        let left = many;
        tell = ({ type }) => {
          if (type === 'chat_done') left -= 1;
          if (left === 0) resolve();
        };
        for (let n = 0; n < many; n += 1) send(text);
      }),
    delay: () =>
      new Promise((resolve) => {
        tell = ({ event }) => {
          if (event !== undefined) resolve(performance.timeOrigin + performance.now() - Number(event.text));
        };
        send('time');
      }),
    end: () => {
      for (const child of children) child.kill();
    },
  };
}
