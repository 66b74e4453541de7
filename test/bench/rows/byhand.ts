import { Agent, request } from 'node:http';
import { testImage } from '../../engines/image.ts';

export const label = 'agentctl-bench';

/** So many at once. */
async function inParallel<T>(
  items: readonly T[],
  together: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = items.values();
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: together }, worker));
}

export interface ByHand {
  call(method: string, path: string, body?: object): Promise<string>;
  /** Creates and starts so many containers, `together` at once. */
  start(count: number, together: number): Promise<void>;
  /** Removes what was started. */
  remove(): Promise<void>;
}

/** The fastest loop that a person would write: two calls a container on kept connections, and nothing else. */
export function byHand(socketPath: string): ByHand {
  const agent = new Agent({ keepAlive: true });
  const call = (method: string, path: string, body?: object): Promise<string> =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        Host: 'engine',
        ...(text === undefined
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
      };
      const outgoing = request({ socketPath, agent, method, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const answer = Buffer.concat(chunks).toString();
          if ((response.statusCode ?? 500) < 400) resolve(answer);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
        });
      });
      outgoing.on('error', reject);
      outgoing.end(text);
    });
  return {
    call,
    async start(count, together) {
      const numbers = Array.from({ length: count }, (_, n) => n);
      await inParallel(numbers, together, async () => {
        const made = await call('POST', '/containers/create', {
          Image: testImage,
          Entrypoint: ['sleep', '1000'],
          Labels: { [label]: 'true' },
        });
        const { Id: id } = JSON.parse(made) as { Id: string }; // the engine's API says so
        await call('POST', `/containers/${id}/start`);
      });
    },
    async remove() {
      const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
      const all = JSON.parse(await call('GET', `/containers/json?all=1&filters=${filters}`)) as {
        Id: string;
      }[]; // as above
      await inParallel(all, 16, ({ Id: id }) => call('DELETE', `/containers/${id}?force=1&v=1`));
    },
  };
}
