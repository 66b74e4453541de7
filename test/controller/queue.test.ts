import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runWorkers, WorkQueue } from '../../src/controller/queue.ts';
import { ManualClock } from '../fakes/clock.ts';

const start = '2026-03-01T12:00:00Z';
const second = 1_000;
const hour = 3_600 * second;
const day = 24 * hour;

const nothing = Symbol('nothing');

function given(): { clock: ManualClock; queue: WorkQueue } {
  const clock = new ManualClock(start);
  return { clock, queue: new WorkQueue(clock) };
}

/** What is ready now, each key taken and done. */
async function ready(queue: WorkQueue): Promise<string[]> {
  const keys: string[] = [];
  while (queue.size > 0) {
    const key = await queue.take();
    if (key === undefined) break;
    keys.push(key);
    queue.done(key);
  }
  return keys;
}

describe('the work queue', () => {
  test('hands out a key once, however often it was added, in the order of adding', async () => {
    const { queue } = given();
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(await ready(queue)).toEqual(['a', 'b', 'c']);
  });

  test('a key added while it is worked on comes once more, and only when that is done', async () => {
    const { queue } = given();
    queue.add('a');
    expect(await queue.take()).toBe('a');
    queue.add('a');
    queue.add('a');
    const other = queue.take();
    expect(await Promise.race([other, Promise.resolve(nothing)])).toBe(nothing);
    queue.done('a');
    expect(await other).toBe('a');
    queue.done('a');
    expect(queue.size).toBe(0);
  });

  test('the earlier of two delays wins, whichever was asked for first', async () => {
    const { clock, queue } = given();
    queue.addAfter('a', 5 * second);
    queue.addAfter('a', 10 * second);
    queue.addAfter('b', 10 * second);
    queue.addAfter('b', 5 * second);
    clock.advance(5 * second - 1);
    expect(await ready(queue)).toEqual([]);
    clock.advance(1);
    expect(await ready(queue)).toEqual(['a', 'b']);
    clock.advance(hour);
    expect(await ready(queue)).toEqual([]);
  });

  test('an instant that has passed is now', async () => {
    const { clock, queue } = given();
    queue.addAt('a', clock.now() - hour);
    expect(await ready(queue)).toEqual(['a']);
  });

  test('a wait of 60 days ends when it should, with one timer of at most 30 s at any time', async () => {
    const { clock, queue } = given();
    queue.addAfter('late', 60 * day);
    queue.addAfter('later', 61 * day);
    for (let passed = 0; passed < 60 * day - 30 * second; passed += 30 * second) {
      expect(clock.waiting).toBe(1);
      clock.advance(30 * second);
      if (queue.size > 0) break;
    }
    expect(await ready(queue)).toEqual([]);
    clock.advance(30 * second);
    expect(await ready(queue)).toEqual(['late']);
  });

  test('a wall clock that jumps ahead is seen within 30 s', async () => {
    const { clock, queue } = given();
    queue.addAfter('a', hour);
    clock.jump(hour);
    clock.advance(30 * second);
    expect(await ready(queue)).toEqual(['a']);
  });

  test('a wall clock that is set back stretches no wait', async () => {
    const { clock, queue } = given();
    queue.addAfter('a', 20 * second);
    queue.addAfter('b', 40 * second);
    clock.jump(-hour);
    clock.advance(20 * second);
    expect(await ready(queue)).toEqual(['a', 'b']);
  });

  test('failures in a row wait 50 ms, doubled each time up to a minute, until they are forgotten', async () => {
    const { clock, queue } = given();
    for (const delay of [
      50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000,
    ]) {
      queue.retry('a');
      let waited = 0;
      // Timers are 30 s at most, so a long wait takes several.
      while (waited < delay - 1) {
        const step = Math.min(30_000, delay - 1 - waited);
        clock.advance(step);
        waited += step;
      }
      expect(await ready(queue), `before ${delay} ms`).toEqual([]);
      clock.advance(1);
      expect(await ready(queue), `after ${delay} ms`).toEqual(['a']);
    }
    queue.forget('a');
    queue.retry('a');
    clock.advance(50);
    expect(await ready(queue)).toEqual(['a']);
  });

  test('once shut down it takes nothing in, hands out what was ready, and lets the waiting go', async () => {
    const { clock, queue } = given();
    queue.add('a');
    queue.addAfter('b', second);
    queue.shutDown();
    queue.add('c');
    expect(await queue.take()).toBe('a');
    queue.done('a');
    expect(await queue.take()).toBeUndefined();
    expect(clock.waiting).toBe(0);
  });

  test('who waits for a key when it is shut down is let go', async () => {
    const { queue } = given();
    const taken = queue.take();
    queue.shutDown();
    expect(await taken).toBeUndefined();
  });
});

test('workers never hold the same key twice at a time, and end when the queue is drained', async () => {
  const { queue } = given();
  const held = new Set<string>();
  const worked = new Map<string, number>();
  let most = 0;
  for (let n = 0; n < 20; n++) queue.add(`key-${n % 5}`);
  const working = runWorkers(queue, 3, async (key) => {
    expect(held.has(key)).toBe(false);
    held.add(key);
    most = Math.max(most, held.size);
    const times = (worked.get(key) ?? 0) + 1;
    worked.set(key, times);
    if (times < 3) queue.add(key);
    await new Promise((resolve) => setImmediate(resolve));
    held.delete(key);
    if ([...worked.values()].filter((count) => count === 3).length === 5) queue.shutDown();
  });
  await working;
  expect([...worked.values()]).toEqual([3, 3, 3, 3, 3]);
  expect(most).toBe(3);
});

type Step =
  | { do: 'add'; key: string }
  | { do: 'addAfter'; key: string; delay: number }
  | { do: 'take' }
  | { do: 'done' }
  | { do: 'advance'; by: number };

test('any sequence of steps hands out what a plain model says', async () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constant('add' as const), key }),
    fc.record({ do: fc.constant('addAfter' as const), key, delay: fc.integer({ min: 1, max: 100 }) }),
    fc.constant({ do: 'take' as const }),
    fc.constant({ do: 'done' as const }),
    // No timer is skipped over: of two that fall due in one step, the model knows no order.
    fc.record({ do: fc.constant('advance' as const), by: fc.integer({ min: 1, max: 60 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { clock, queue } = given();
      const due: string[] = [];
      const delays = new Map<string, number>();
      const again = new Set<string>();
      const held: string[] = [];
      const add = (key: string): void => {
        if (held.includes(key)) again.add(key);
        else if (!due.includes(key)) due.push(key);
      };
      for (const now of steps) {
        if (now.do === 'add') {
          queue.add(now.key);
          add(now.key);
        } else if (now.do === 'addAfter') {
          const at = clock.now() + now.delay;
          queue.addAfter(now.key, now.delay);
          delays.set(now.key, Math.min(at, delays.get(now.key) ?? at));
        } else if (now.do === 'take' && due.length > 0) {
          const expected = due.shift();
          const taken = await queue.take();
          expect(taken).toBe(expected);
          if (taken !== undefined) held.push(taken);
        } else if (now.do === 'done') {
          const over = held.shift();
          if (over === undefined) continue;
          queue.done(over);
          if (again.delete(over)) add(over);
        } else if (now.do === 'advance') {
          for (let passed = 0; passed < now.by; passed++) {
            clock.advance(1);
            for (const [key, at] of delays) {
              if (at > clock.now()) continue;
              delays.delete(key);
              add(key);
            }
          }
        }
        expect(queue.size).toBe(due.length + held.length);
      }
    }),
  );
});

test('a lane at its limit holds back its keys only, and the key that is ready longest is next', async () => {
  const { clock, queue } = given();
  queue.limit('slow', 1);
  for (const key of ['slow/a', 'slow/b', 'quick/c']) {
    queue.add(key);
    clock.advance(1);
  }
  expect([await queue.take(), await queue.take()]).toEqual(['slow/a', 'quick/c']);
  expect(queue.depth('slow')).toBe(1);
  const taken = queue.take();
  queue.add('quick/d');
  expect(await taken).toBe('quick/d');
  const last = queue.take();
  queue.shutDown();
  clock.advance(5);
  queue.done('slow/a');
  expect(await last).toBe('slow/b');
  expect(queue.waited('slow/b')).toBe(7);
  queue.done('slow/b');
  expect(await queue.take()).toBeUndefined();
});
