import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readStat } from '../../../../src/drivers/proc.ts';
import { Collection } from '../../../../src/drivers/process/collector/collection.ts';
import { encodeRecords } from '../../../../src/drivers/process/collector/log-segments.ts';
import { type Clock, systemClock } from '../../../../src/platform/clock.ts';
import { isCode } from '../../../../src/platform/code.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { eventually, specOf } from '../harness.ts';

let ref = '';
/** Stands for the shim. */
let child: ChildProcess;
let opened: Collection | undefined;
let ended = false;

beforeEach(() => {
  ref = mkdtempSync(join(tmpdir(), 'agentctl-collection-'));
  for (const name of ['1', '1.log']) mkdirSync(join(ref, name));
  child = spawn('sleep', ['600']);
  ended = false;
});
afterEach(() => {
  opened?.leave();
  child.kill('SIGKILL');
  rmSync(ref, { recursive: true });
});

const makePipes = (): void => void execFileSync('mkfifo', [join(ref, '1.out'), join(ref, '1.err')]);

function collect(clock: Clock): Collection {
  const shim = readStat(child.pid ?? 0);
  if (shim === undefined) throw new Error('sleep does not run');
  const folder = join(ref, '1');
  writeFileSync(join(folder, `shim.${shim.pid}.${shim.start}`), '');
  const { identity, talks } = specOf('');
  const logs = { maxSize: 2 ** 30, maxFiles: 3 };
  const run = { number: 1, folder, meta: { identity, bootId: '', workingDir: '/', talks, logs } };
  opened = new Collection({
    ref,
    run,
    shim,
    clock,
    ended() {
      ended = true;
    },
  });
  return opened;
}

test('a run whose shim is killed before it has opened its pipes is over', async () => {
  makePipes();
  expect(collect(systemClock).isOver).toBe(false);
  child.kill('SIGKILL');
  await eventually(() => expect(ended).toBe(true));
  expect(readdirSync(join(ref, '1.log'))).toContain('drained');
});

test('a run whose shim has not made its pipes yet is waited for', async () => {
  const collection = collect(systemClock);
  expect(collection.isOver).toBe(false);
  makePipes();
  const fd = openSync(join(ref, '1.out'), constants.O_RDWR);
  await eventually(() => {
    writeSync(fd, 'late\n');
    expect(readFileSync(join(ref, '1.log', '1'), 'utf8')).toContain('late');
  });
  child.kill('SIGKILL');
  closeSync(fd);
  await eventually(() => expect(ended).toBe(true));
});

test('pipes that nobody has open for writing are looked at ever less often, and once a second at last', () => {
  makePipes();
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  const waits: number[] = [];
  collect({
    now: () => clock.now(),
    after(milliseconds, callback) {
      waits.push(milliseconds);
      return clock.after(milliseconds, callback);
    },
  });
  for (let second = 0; second < 40; second++) clock.advance(1000);
  expect(waits.slice(0, 2)).toEqual([5, 5]);
  expect(waits.slice(-2)).toEqual([1000, 1000]);
});

test('all that was read is in the log when the collector ends while it writes no more for now', async () => {
  makePipes();
  const [out, err] = ['1.out', '1.err'].map((name) =>
    openSync(join(ref, name), constants.O_RDWR | constants.O_NONBLOCK),
  );
  const lines = Buffer.alloc(64 * 1024, '\n');
  let written = 0;
  const write = async (): Promise<void> => {
    written += lengthOf(() => writeSync(out ?? 0, lines));
    await new Promise(setImmediate);
  };
  // Time stands still, so what is in debt stays so.
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  const collection = collect(clock);
  while (clock.waiting === 0) await write();
  for (let turn = 0; turn < 20; turn++) await write();
  collection.close();
  const bytes = Buffer.alloc(2 * 1024 * 1024);
  const left = lengthOf(() => readSync(out ?? 0, bytes));
  const { size } = statSync(join(ref, '1.log', '1'));
  expect(size / encodeRecords(0, 'stdout', Buffer.from('\n')).length).toBe(written - left);
  expect(readdirSync(join(ref, '1.log'))).toContain('closed');
  for (const fd of [out, err]) closeSync(fd ?? 0);
});

/** 0 where it would have to wait. */
function lengthOf(transfer: () => number): number {
  try {
    return transfer();
  } catch (error) {
    if (isCode(error, 'EAGAIN')) return 0;
    throw error;
  }
}
