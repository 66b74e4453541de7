import { expect, test } from 'vitest';
import { Outbox } from '../../src/conversations/run-input.ts';
import { ManualClock } from '../fakes/clock.ts';

const rest = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

function open() {
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const written: string[] = [];
  const pipe = { free: Promise.resolve(), broken: false };
  const outbox = new Outbox(async (line) => {
    if (pipe.broken) throw new Error('the pipe is lost');
    await pipe.free;
    written.push(line);
  }, clock);
  return { clock, written, pipe, outbox };
}

test('answers are written in their order, and wait while the pipe is lost', async () => {
  const { clock, written, pipe, outbox } = open();
  pipe.broken = true;
  const told = Promise.all(['a', 'b', 'c'].map((line) => outbox.add(line)));
  await rest();
  expect(written).toEqual([]);
  pipe.broken = false;
  clock.advance(1_000);
  await told;
  expect(written).toEqual(['a', 'b', 'c']);
});

test('however many wait, one timer waits with them', async () => {
  const { clock, pipe, outbox } = open();
  pipe.broken = true;
  for (let n = 0; n < 1_000; n += 1) outbox.add('x').catch(() => {});
  await rest();
  expect(clock.waiting).toBe(1);
});

test.each([
  ['many', Array.from({ length: 1_001 }, () => 'x')],
  ['long', ['x'.repeat(5 * 1024 * 1024)]],
])('it is full while %s answers are not read, and has room once they are', async (_, lines) => {
  const { pipe, outbox } = open();
  const { promise, resolve } = Promise.withResolvers<void>();
  pipe.free = promise;
  for (const line of lines) outbox.add(line).catch(() => {});
  await rest();
  expect(outbox.full).toBe(true);
  let roomy = false;
  const waiting = outbox.room().then(() => {
    roomy = true;
  });
  await rest();
  expect(roomy).toBe(false);
  resolve();
  await waiting;
  expect(outbox.full).toBe(false);
});

test.each([
  ['a thousand answers', Array.from({ length: 1_000 }, () => 'x')],
  ['4 MiB', ['x'.repeat(4 * 1024 * 1024)]],
])('it is full beyond %s, and not with just as much', async (_, lines) => {
  const { pipe, outbox } = open();
  pipe.free = new Promise(() => {});
  for (const line of lines) outbox.add(line).catch(() => {});
  expect(outbox.full).toBe(false);
  await outbox.room();
  outbox.add('y').catch(() => {});
  expect(outbox.full).toBe(true);
});

test('closed, it rejects what waits and what comes, and holds nobody up', async () => {
  const { pipe, outbox } = open();
  pipe.free = new Promise(() => {});
  const waiting = Array.from({ length: 1_001 }, () => outbox.add('x'));
  const room = outbox.room();
  outbox.close();
  await room;
  expect((await Promise.allSettled(waiting)).every(({ status }) => status === 'rejected')).toBe(true);
  await expect(outbox.add('x')).rejects.toThrow('nobody waits');
});
