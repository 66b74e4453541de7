import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { prepareSocket, SocketError } from '../../src/server/kept-socket.ts';
import { run } from './support.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentctl-socket-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the socket is for its owner alone, and so is its folder', async () => {
  const api = await run();
  expect(statSync(api.socket).mode & 0o777).toBe(0o600);
  expect(statSync(join(api.socket, '..')).mode & 0o777).toBe(0o700);
  await api.end();
});

test('what a dead controller left is replaced', async () => {
  const path = join(folder, 'stale.sock');
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  expect(statSync(path).isSocket()).toBe(true);
  await prepareSocket(path);
  expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
});

test('a socket that somebody listens on is refused, and goes on', async () => {
  const path = join(folder, 'live.sock');
  const other = createNetServer().listen(path);
  await once(other, 'listening');
  await expect(prepareSocket(path)).rejects.toThrow(/another controller listens on .*controller stop/);
  expect(statSync(path).isSocket()).toBe(true);
  other.close();
});

test('a file that is no socket is left alone', async () => {
  const path = join(folder, 'file');
  writeFileSync(path, 'mine');
  await expect(prepareSocket(path)).rejects.toBeInstanceOf(SocketError);
  expect(statSync(path).size).toBe(4);
});

test('a folder that is there keeps its mode', async () => {
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o755);
  await prepareSocket(join(shared, 'x.sock'));
  expect(statSync(shared).mode & 0o777).toBe(0o755);
});

test('a path that no unix socket can have is refused', async () => {
  await expect(prepareSocket(join(folder, 'x'.repeat(120)))).rejects.toThrow(/107 bytes/);
});
