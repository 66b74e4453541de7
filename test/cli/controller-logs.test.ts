import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Cli, GlobalOptions } from '../../src/cli/cli.ts';
import { controllerLogs, lastLines } from '../../src/cli/controller-logs.ts';
import { shown, type Text } from '../../src/cli/print/shown.ts';
import { controllerLog, rotatedLogs } from '../../src/platform/paths.ts';
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
  options: { tail?: number; follow?: boolean; output?: 'json'; raw?: boolean },
  during: readonly (() => void)[] = [],
): Promise<string[]> {
  let printed = '';
  const end = new AbortController();
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const out = (text: Text): void => {
    printed += shown(text);
  };
  const environment = { AGENTCTL_STATE_DIR: folder };
  const terminal = { out: false, err: false, in: false, color: false };
  const cli = { out, clock, environment, terminal, signal: end.signal } as Partial<Cli> as Cli; // all that it uses
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

test('a follower that was held up goes on over several rotations', async () => {
  writeFileSync(path, 'one\n');
  const [newer, older] = rotatedLogs(path);
  const rotate = (): void => {
    copyFileSync(path, `${path}.new`);
    if (existsSync(newer)) renameSync(newer, older);
    renameSync(`${path}.new`, newer);
    truncateSync(path);
  };
  const printed = await logs({ follow: true }, [
    () => {},
    () => {
      appendFileSync(path, 'two\n');
      rotate();
      appendFileSync(path, 'a line that is longer than what was there before\n');
    },
    () => {
      appendFileSync(path, 'three\n');
      rotate();
      appendFileSync(path, 'four\n');
      rotate();
      appendFileSync(path, 'five\n');
    },
  ]);
  expect(printed).toEqual([
    'one',
    'two',
    'a line that is longer than what was there before',
    'three',
    'four',
    'five',
  ]);
});

describe('a line of the log', () => {
  const line = (fields: object): string =>
    `${JSON.stringify({ level: 30, time: Date.UTC(2026, 2, 2, 10), pid: 7, hostname: 'h', ...fields })}\n`;

  test('is text for people: time, level, message, and fields', async () => {
    writeFileSync(
      path,
      line({ socket: '/run/a b', msg: 'the controller is ready' }) +
        line({ level: 40, runtime: 'docker', err: { message: 'it is "gone"', stack: 'at x' }, msg: 'lost' }) +
        line({ pid: 8, level: 50, tries: 3, msg: 'evil \u001b[2J\nline' }) +
        'Node says this\n',
    );
    expect(await logs({})).toEqual([
      '2026-03-02T10:00:00.000Z INFO  the controller is ready socket="/run/a b" pid=7',
      '2026-03-02T10:00:00.000Z WARN  lost runtime=docker err="it is \\"gone\\""',
      '2026-03-02T10:00:00.000Z ERROR evil \\u001b[2J\\nline tries=3 pid=8',
      'Node says this',
    ]);
  });

  test('is as it was written with -o json', async () => {
    const written = line({ msg: 'one' }) + line({ msg: 'two' });
    writeFileSync(path, written);
    expect(`${(await logs({ output: 'json' })).join('\n')}\n`).toBe(written);
    expect(await logs({ output: 'json', tail: 1 })).toHaveLength(1);
  });
});

test('the last lines of a log of terabytes are read from its end', async () => {
  const fd = openSync(path, 'w');
  writeSync(fd, 'x'.repeat(10), 8 * 1024 ** 4);
  writeSync(fd, '\nlast\nof all\n', 8 * 1024 ** 4 + 10);
  closeSync(fd);
  expect(lastLines(path, 2)).toEqual(['last', 'of all']);
  expect(await logs({ tail: 2 })).toEqual(['last', 'of all']);
});

test('the last lines of a log begin with a whole one, unless there is no other', () => {
  writeFileSync(path, `${'x'.repeat(70_000)}\nlast\n`);
  expect(lastLines(path, 5)).toEqual(['last']);
  expect(lastLines(path, 5, 5)).toEqual(['last']);
  expect(lastLines(path, 5, 4)).toEqual(['ast']);
  writeFileSync(path, 'one\ntwo\n');
  expect(lastLines(path, 5)).toEqual(['one', 'two']);
});
