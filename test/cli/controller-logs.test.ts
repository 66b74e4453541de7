import {
  appendFileSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Cli } from '../../src/cli/cli.ts';
import { controllerLogs, lastLines } from '../../src/cli/controller/logs.ts';
import type { GlobalOptions } from '../../src/cli/options.ts';
import { controllerLog, rotatedLogs } from '../../src/platform/log-files.ts';
import { ManualClock } from '../fakes/clock.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agentctl-log-'));
  mkdirSync(join(folder, 'logs'));
  path = controllerLog(join(folder, 'logs'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What `controller logs` prints, line by line; `during` happens while it follows. */
async function logs(
  options: { tail?: number; follow?: boolean },
  during: readonly (() => void)[] = [],
): Promise<string[]> {
  let printed = '';
  const end = new AbortController();
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const out = (text: string): void => {
    printed += text;
  };
  const environment = { AGENTCTL_STATE_DIR: folder };
  const cli = { out, clock, environment, signal: end.signal } as Partial<Cli> as Cli; // all that it uses
  const given = { stateDir: folder, ...options } as GlobalOptions & typeof options; // the others have defaults
  const done = controllerLogs(given, cli);
  for (const happens of during) {
    happens();
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(200);
    await new Promise((resolve) => setImmediate(resolve));
  }
  end.abort();
  await done;
  return printed.split('\n').slice(0, -1);
}

test.each([
  [{}, ['a', 'b', 'c', 'd', 'e']],
  [{ tail: 0 }, []],
  [{ tail: 1 }, ['e']],
  [{ tail: 3 }, ['c', 'd', 'e']],
  [{ tail: 9 }, ['a', 'b', 'c', 'd', 'e']],
])('the lines of all files are one log, with %j', async (options, expected) => {
  const [newer, older] = rotatedLogs(path);
  writeFileSync(older, 'a\nb\n');
  writeFileSync(newer, 'c\n');
  writeFileSync(path, 'd\ne\nhalf');
  expect(await logs(options)).toEqual(expected);
});

test('a follower goes on over a rotation, each line once', async () => {
  writeFileSync(path, 'one\ntwo\n');
  const [newer] = rotatedLogs(path);
  const printed = await logs({ follow: true, tail: 1 }, [
    () => {},
    () => {
      appendFileSync(path, 'three\n');
      copyFileSync(path, newer);
      truncateSync(path);
      appendFileSync(path, 'four\n');
    },
    () => appendFileSync(path, 'five\n'),
  ]);
  expect(printed).toEqual(['two', 'three', 'four', 'five']);
});

test('the last lines of a log of terabytes are read from its end', async () => {
  const fd = openSync(path, 'w');
  writeSync(fd, 'x'.repeat(10), 8 * 1024 ** 4);
  writeSync(fd, '\nlast\nof all\n', 8 * 1024 ** 4 + 10);
  closeSync(fd);
  expect(lastLines(path, 2)).toEqual(['last', 'of all']);
  expect(await logs({ tail: 2 })).toEqual(['last', 'of all']);
});
