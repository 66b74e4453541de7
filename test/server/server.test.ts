import { statSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { ControllerStatus } from '../../src/client/streams.ts';
import { agent, type Running, run, until } from './support.ts';

let api: Running;

afterEach(() => api.end());

const signal = new AbortController().signal;

/** An answer of the controller that comes when the test says so. */
async function slow(): Promise<{ asked: () => boolean; finish: () => void }> {
  let asked = false;
  let finish = (): void => {};
  const status = {} as ControllerStatus; // nobody looks into it
  api = await run({
    streams: {
      status: () =>
        new Promise((resolve) => {
          asked = true;
          finish = () => resolve(status);
        }),
    },
  });
  return { asked: () => asked, finish: () => finish() };
}

test('an address that is taken is told so', async () => {
  api = await run({ listen: '127.0.0.1:0' });
  const taken = new URL(api.server.tls?.address ?? '').host;
  await expect(run({ listen: taken })).rejects.toThrow(/something else listens there\. Use another address/);
});

describe('closing', () => {
  test('lets a request that is under way come to its end', async () => {
    const { asked, finish } = await slow();
    const answer = api.client.status();
    await until(asked);
    const closed = api.server.close();
    finish();
    expect(await answer).toEqual({});
    await closed;
  });

  test('cuts a request that takes longer than the bound', async () => {
    const { asked } = await slow();
    const answer = api.client.status().catch((error: Error) => error.name);
    await until(asked);
    const closed = api.server.close(1_000);
    api.clock.advance(1_000);
    await closed;
    expect(await answer).toBe('UnreachableError');
  });

  test('ends watches, so that their clients look for another server', async () => {
    api = await run();
    await api.client.create('Agent', agent('a'));
    const events = api.client.watch('Agent', { signal })[Symbol.asyncIterator]();
    await events.next();
    await api.server.close();
    await expect(events.next()).rejects.toMatchObject({ name: 'UnreachableError' });
  });

  test('takes the socket away', async () => {
    api = await run();
    await api.server.close();
    expect(statSync(api.socket, { throwIfNoEntry: false })).toBeUndefined();
  });
});
