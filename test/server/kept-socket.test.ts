import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server as HttpServer, request } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLog } from '../../src/platform/log.ts';
import { KeptSocket } from '../../src/server/kept-socket.ts';
import { ManualClock } from '../fakes/clock.ts';

let root: string;
let path: string;
let server: HttpServer;
let clock: ManualClock;
let socket: KeptSocket;
const errors: string[] = [];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'agentctl-kept-'));
  path = join(root, 'run', 'x.sock');
  server = createServer((_, response) => response.end('here'));
  clock = new ManualClock('2026-01-31T12:00:00Z');
  errors.length = 0;
  const log = { ...silentLog, error: ({ err }: { err: unknown }) => errors.push(String(err)) };
  socket = new KeptSocket({ path, server, clock, log });
  await socket.open();
});
afterEach(() => {
  socket.close();
  server.close();
  rmSync(root, { recursive: true, maxRetries: 5 });
});

const ask = (): Promise<string> =>
  new Promise((resolve, reject) => {
    request({ socketPath: path, agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      resolve(text);
    })
      .on('error', reject)
      .end();
  });

const answers = (): Promise<void> =>
  vi.waitFor(
    async () => {
      clock.advance(2_000);
      expect(await ask()).toBe('here');
    },
    { timeout: 40_000 },
  );

test('a socket that is removed is made again, for its owner alone', async () => {
  expect(await ask()).toBe('here');
  for (let round = 0; round < 2; round += 1) {
    rmSync(path);
    await answers();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  }
});

test('so is one whose whole folder is removed', async () => {
  rmSync(dirname(path), { recursive: true });
  await answers();
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
});

test('a file that takes its place is left alone, and it is made once that is gone', async () => {
  rmSync(path);
  writeFileSync(path, 'mine');
  await vi.waitFor(() => {
    clock.advance(2_000);
    expect(errors).toEqual([expect.stringContaining('exists and is not a socket')]);
  });
  expect(statSync(path).size).toBe(4);
  rmSync(path);
  await answers();
});

test('a socket of another process is left alone, at the end too', async () => {
  rmSync(path);
  const other = createNetServer().listen(path);
  await vi.waitFor(() => {
    clock.advance(2_000);
    expect(errors).toEqual([expect.stringContaining('another controller listens')]);
  });
  socket.close();
  expect(existsSync(path)).toBe(true);
  other.close();
});

test('at the end its own is removed', () => {
  socket.close();
  expect(existsSync(path)).toBe(false);
});
