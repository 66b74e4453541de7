import { expect, test } from 'vitest';
import { housekeeping } from '../../src/daemon/housekeeping.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../fakes/clock.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function house(expire: () => Promise<unknown> = async () => {}, revision: number | (() => number) = 25_000) {
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const compacted: number[] = [];
  const newest = typeof revision === 'number' ? () => revision : revision;
  const store = { revision: newest, compact: async (until: number) => void compacted.push(until) };
  let tidied = 0;
  const journal = {
    tidy: async () => {
      tidied += 1;
    },
  };
  const end = housekeeping({ store, registry: { expireEvents: expire }, journal, clock, log: silentLog });
  const minute = async (): Promise<void> => {
    clock.advance(60_000);
    await turn();
  };
  return { clock, compacted, end, minute, tidied: () => tidied };
}

test('each minute all but the last ten thousand revisions go', async () => {
  const { compacted, minute, end } = house();
  await minute();
  await minute();
  expect(compacted).toEqual([15_000, 15_000]);
  end();
});

test('revisions go after five minutes, however few there are', async () => {
  let revision = 0;
  const { compacted, minute, end } = house(undefined, () => revision);
  for (let at = 1; at <= 8; at += 1) {
    revision = at;
    await minute();
  }
  expect(compacted).toEqual([0, 0, 0, 0, 0, 1, 2, 3]);
  end();
});

test('each hour messages that ended long ago go', async () => {
  const { clock, minute, tidied, end } = house();
  await minute();
  expect(tidied()).toBe(0);
  clock.advance(3_540_000);
  await turn();
  expect(tidied()).toBe(1);
  await minute();
  expect(tidied()).toBe(1);
  end();
});

test('where there are fewer, none goes', async () => {
  const { compacted, minute, end } = house(undefined, 9);
  await minute();
  expect(compacted).toEqual([0]);
  end();
});

test('a step that fails, as on a full disk, is tried again, and holds up no other', async () => {
  let failing = true;
  let tries = 0;
  const { clock, compacted, minute, tidied, end } = house(async () => {
    tries += 1;
    if (failing) throw new Error('The disk is full');
  });
  await minute();
  expect(compacted).toEqual([15_000]);
  failing = false;
  clock.advance(10_000);
  await turn();
  expect(tries).toBe(2);
  for (let passed = 0; passed < 60; passed += 1) await minute();
  expect(tidied()).toBe(1);
  end();
});

test('a step that goes on failing is tried more and more rarely, and again each minute once it succeeds', async () => {
  let failing = true;
  let tries = 0;
  const { clock, minute, end } = house(async () => {
    tries += 1;
    if (failing) throw new Error('The disk is full');
  });
  for (let passed = 0; passed < 60; passed += 1) await minute();
  expect(tries).toBeLessThan(25);
  failing = false;
  for (let passed = 0; passed < 5; passed += 1) await minute();
  const before = tries;
  clock.advance(0);
  await minute();
  await minute();
  expect(tries).toBe(before + 2);
  end();
});

test('once it is ended nothing more is done, also where it was at work', async () => {
  let finish = (): void => {};
  const { clock, minute, end } = house(
    () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  );
  await minute();
  end();
  finish();
  await turn();
  expect(clock.waiting).toBe(0);
});
