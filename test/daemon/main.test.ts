import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { answers } from '../../src/cli/background.ts';
import { createHttpClient } from '../../src/client/http.ts';
import type { LeaderElection } from '../../src/controller/leadership.ts';
import { runDaemon } from '../../src/daemon/daemon.ts';
import { readKey } from '../../src/daemon/state-guard.ts';
import { acquireLock } from '../../src/platform/lock.ts';

let stateDir: string;
let abort: AbortController;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'daemon-'));
  abort = new AbortController();
});

afterEach(() => rmSync(stateDir, { recursive: true }));

const socketOf = (): string => join(stateDir, 'agentctl.sock');

/** Runs one until it is ready; `ended` resolves with it. */
async function start(leader?: LeaderElection): Promise<{ ended: Promise<void> }> {
  const { promise: ready, resolve } = Promise.withResolvers<unknown>();
  const environment = { XDG_RUNTIME_DIR: stateDir };
  const ended = runDaemon({
    stateDir,
    socket: socketOf(),
    logLevel: 'silent',
    environment,
    signal: abort.signal,
    leader,
    onReady: resolve,
  });
  await Promise.race([ready, ended]);
  return { ended };
}

/** After a failure all that was taken is given back. */
function expectFree(): void {
  acquireLock(join(stateDir, 'lock')).release();
}

test('it ends when it is told to, and leaves neither socket nor lock', async () => {
  const { ended } = await start();
  expect(await answers(socketOf())).toBe(true);
  expect(statSync(stateDir).mode & 0o777).toBe(0o700);
  abort.abort();
  await ended;
  expect(await answers(socketOf())).toBe(false);
  expectFree();
});

test('one that is told to end before it is up ends too', async () => {
  abort.abort();
  await (await start()).ended;
  expectFree();
});

test('a follower answers reads and starts nothing; once it has led and leads no more, it ends', async () => {
  const won = Promise.withResolvers<boolean>();
  const lost = new AbortController();
  const { ended } = await start({ elected: () => won.promise, lost: lost.signal });
  const client = createHttpClient({ socketPath: socketOf() });
  const connecting = async (): Promise<string | undefined> =>
    (await client.get('Runtime', { name: 'process' })).status?.conditions?.[0]?.reason;
  await client.create('Namespace', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'team' },
  });
  expect(await connecting()).toBeUndefined();
  won.resolve(true);
  await expect.poll(connecting).toBe('Online');
  lost.abort();
  await expect(ended).rejects.toThrow('another controller leads now');
  await client.close();
  expectFree();
});

describe('it does not come up, and says why, where', () => {
  test('another one runs on the state folder: with its pid', async () => {
    const { ended } = await start();
    await expect(start()).rejects.toThrow(`pid ${process.pid}. Stop it (agentctl controller stop)`);
    expect(await answers(socketOf())).toBe(true);
    abort.abort();
    await ended;
  });

  test('somebody else listens on its socket', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(socketOf(), resolve));
    await expect(start()).rejects.toThrow('another controller listens on');
    server.close();
    expectFree();
  });

  test('its store was written by a newer version', async () => {
    const { ended } = await start();
    abort.abort();
    await ended;
    abort = new AbortController();
    const database = new DatabaseSync(join(stateDir, 'agentctl.db'));
    database.exec('PRAGMA user_version = 999');
    database.close();
    await expect(start()).rejects.toMatchObject({ code: 'TooNew' });
    expectFree();
  });

  test('its key is damaged', async () => {
    writeFileSync(join(stateDir, 'key'), '');
    await expect(start()).rejects.toThrow(
      'it has 0 bytes, expected 32. Restore it from a backup, or remove it',
    );
    expectFree();
  });
});

test('the key is made once, for its owner alone', () => {
  const path = join(stateDir, 'key');
  const key = readKey(path);
  expect(key).toHaveLength(32);
  expect(readKey(path)).toEqual(key);
  expect(readFileSync(path)).toEqual(key);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
