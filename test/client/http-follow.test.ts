import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiError, UnreachableError } from '../../src/api/errors.ts';
import { createHttpClient, type HttpClient } from '../../src/client/http.ts';
import type { StreamEntry } from '../../src/client/streams.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createServer as createRealServer } from '../../src/server/server.ts';
import { inPlace } from '../../src/sources/parsing/parser.ts';
import { ManualClock } from '../fakes/clock.ts';
import { ScriptedTalk } from '../fakes/talk.ts';
import { apisOf, run, until } from '../server/support.ts';

let folder: string;
let server: Server | undefined;
let client: HttpClient;
let clock: ManualClock;
/** `after` of each request. */
let asked: (string | null)[];
const signal = new AbortController().signal;
const m = { namespace: 'default', name: 'm' };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentctl-follow-'));
  clock = new ManualClock('2026-03-01T12:00:00Z');
  client = createHttpClient({ socketPath: join(folder, 's') }, { clock });
  asked = [];
});
afterEach(() => {
  client.close();
  stop();
  rmSync(folder, { recursive: true });
});

function stop(): void {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
}

type Reply = (response: ServerResponse, request: IncomingMessage) => void;

/** Each request is answered by the next of these, the last of them for ever. */
async function serve(...replies: Reply[]): Promise<void> {
  server = createServer((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://x').searchParams.get('after'));
    (replies.length > 1 ? replies.shift() : replies[0])?.(response, request);
  }).listen(join(folder, 's'));
  await once(server, 'listening');
}

const event = (seq: number): string =>
  `event: event\nid: ${seq}\ndata: ${JSON.stringify({ seq, at: 0, event: { type: 'text', text: `${seq}` } })}\n\n`;
const end = 'event: end\ndata: {"kind":"Message"}\n\n';

const shown = (entry: StreamEntry): string =>
  'seq' in entry ? `${entry.seq}` : 'state' in entry ? entry.state : 'end';

/** All of the stream, while time passes as fast as the client waits for it. */
async function read(): Promise<string[]> {
  const out: string[] = [];
  let isDone = false;
  const reading = (async () => {
    for await (const entry of client.stream(m, { signal })) out.push(shown(entry));
  })().finally(() => {
    isDone = true;
  });
  reading.catch(() => undefined); // it is awaited below
  while (!isDone) {
    if (clock.waiting > 0) clock.advance(250);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await reading;
  return out;
}

describe('a stream that breaks off', () => {
  test.each<[string, Reply]>([
    ['by an end without the end', (response) => response.end(event(1) + event(2))],
    [
      'by a cut',
      (response) => {
        response.write(event(1) + event(2));
        response.write('event: event\nid: 3\ndata: {"seq":3,');
        setImmediate(() => response.destroy());
      },
    ],
  ])('%s goes on after the last event that was seen', async (_, broken) => {
    await serve(broken, (response) => response.end(event(3) + end));
    expect(await read()).toEqual(['1', '2', '3', 'end']);
    expect(asked).toEqual(['0', '2']);
  });

  test('is not gone on with where only what has happened so far was wanted', async () => {
    await serve((response) => {
      response.write(event(1));
      setImmediate(() => response.destroy());
    });
    const told: string[] = [];
    const reading = (async () => {
      for await (const entry of client.stream(m, { follow: false, signal })) told.push(shown(entry));
    })();
    await expect(reading).rejects.toThrow(UnreachableError);
    expect(told).toEqual(['1']);
    expect(asked).toHaveLength(1);
  });

  test('tells no event twice, whatever the server says again', async () => {
    await serve(
      (response) => response.end(event(1) + event(2)),
      (response) => response.end(event(1) + event(2) + event(3) + end),
    );
    expect(await read()).toEqual(['1', '2', '3', 'end']);
  });

  test('is given up when the message is gone', async () => {
    const gone = new ApiError('NotFound', 'messages "m" not found');
    await serve(
      (response) => response.end(event(1)),
      (response) => response.writeHead(404).end(JSON.stringify(gone.toStatus())),
    );
    await expect(read()).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('is given up when no server has come for 30 s, with what to do then', async () => {
    await serve((response) => {
      response.end(event(1));
      response.on('close', stop);
    });
    const start = clock.now();
    const error = await read().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/30 s.*agentctl get message m/),
      cause: expect.any(UnreachableError),
    });
    expect(clock.now() - start).toBeGreaterThanOrEqual(30_000);
    expect(clock.now() - start).toBeLessThan(31_000);
  });

  test('is given up when a server ends it again and again with nothing said', async () => {
    await serve((response) => response.end('<html>\n'));
    await expect(read()).rejects.toThrow(UnreachableError);
    expect(asked.length).toBeLessThan(130);
  });

  test('waits for as long as it takes while the server says that it is there', async () => {
    let times = 0;
    await serve((response) => response.end(times++ < 200 ? ': still here\n\n' : event(1) + end));
    expect(await read()).toEqual(['1', 'end']);
  });

  test('is not asked for again once the client has stopped', async () => {
    const controller = new AbortController();
    await serve((response) => response.end(event(1)));
    const reading = (async () => {
      for await (const _ of client.stream(m, { signal: controller.signal }));
    })();
    await until(() => clock.waiting === 1);
    controller.abort();
    await reading;
    expect([asked.length, clock.waiting]).toEqual([1, 0]);
  });
});

test('a controller that is not there from the start is told at once', async () => {
  await expect(read()).rejects.toThrow(/no controller is running there/);
  expect(clock.waiting).toBe(0);
});

test('an event that a newer server knows is passed over', async () => {
  await serve((response) => response.end(`retry: 5\nevent: colour\ndata: {}\n\n${event(1)}${end}`));
  expect(await read()).toEqual(['1', 'end']);
});

test('events that the network cuts anywhere are read whole', async () => {
  const bytes = Buffer.from(`event: state\ndata: {"state":"Delivered"}\n\n${event(1)}${end}`);
  await serve(async (response) => {
    for (const byte of bytes) {
      response.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  });
  expect(await read()).toEqual(['Delivered', '1', 'end']);
});

test('an event that is no JSON is told as what it is, in the end', async () => {
  await serve((response) => response.end('event: event\ndata: {"seq":\n\n'));
  await expect(read()).rejects.toThrow(/did not answer with JSON/);
});

test('it goes on over a restart of the real server', async () => {
  const script = new ScriptedTalk();
  const api = await run({ talk: script });
  const impatient = createHttpClient({ socketPath: api.socket });
  try {
    script.message('m');
    script.say('m', 'a');
    const out: string[] = [];
    const reading = (async () => {
      for await (const entry of impatient.stream(m, { signal })) out.push(shown(entry));
    })();
    await until(() => out.length === 1);
    await api.server.close(0);
    script.say('m', 'b');
    script.finish('m', 'ab');
    const { registry, clock: apiClock, socket, folder: stateDir } = api;
    api.server = await createRealServer({
      registry,
      apis: apisOf(script as never), // nothing but messages is asked for here
      version: '0.1.0',
      clock: apiClock,
      log: silentLog,
      parser: inPlace,
      socket,
      stateDir,
    });
    await reading;
    expect(out).toEqual(['1', '2', 'end']);
  } finally {
    impatient.close();
    await api.end();
  }
});
