import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Thread } from '../../src/platform/thread.ts';
import { ManualClock } from '../fakes/clock.ts';

const idle = 30_000;
let clock: ManualClock;
let started: Worker[];
let thread: Thread;

beforeEach(() => {
  clock = new ManualClock('2026-03-02T10:00:00Z');
  started = [];
  thread = new Thread({
    clock,
    idle,
    mostWaiting: 3,
    start() {
      const worker = new Worker(new URL('../fakes/hostile-thread.ts', import.meta.url), {
        resourceLimits: { maxOldGenerationSizeMb: 32 },
      });
      started.push(worker);
      return worker;
    },
  });
});
afterEach(() => thread.close());

const run = (job: string, { owner = 'one', timeout = 60_000, signal = new AbortController().signal } = {}) =>
  thread.run(job, { owner, timeout, signal }).then(({ value }) => value);

/** Once the thread is at work on it. */
const begun = (): Promise<void> => expect.poll(() => started[0]?.threadId ?? 0).toBeGreaterThan(0);

describe('a thread', () => {
  test('starts with the first job, and answers one job after the other', async () => {
    expect(thread.isUp).toBe(false);
    expect(await Promise.all([run('a'), run('b')])).toEqual(['a is done', 'b is done']);
    expect(started).toHaveLength(1);
  });

  test('ends when it has been idle, and starts again with the next job', async () => {
    await run('a');
    clock.advance(idle - 1);
    expect(thread.isUp).toBe(true);
    await run('b');
    clock.advance(idle - 1);
    expect(thread.isUp).toBe(true);
    clock.advance(1);
    expect(thread.isUp).toBe(false);
    expect(await run('c')).toBe('c is done');
    expect(started).toHaveLength(2);
  });

  test('tells what a job throws, and goes on', async () => {
    await expect(run('throw')).rejects.toThrow('this job fails');
    expect(await run('a')).toBe('a is done');
    expect(started).toHaveLength(1);
  });

  test('is replaced where a job never ends', async () => {
    const endless = run('loop', { timeout: 5_000 });
    const next = run('a');
    await begun();
    clock.advance(4_999);
    clock.advance(1);
    await expect(endless).rejects.toMatchObject({ name: 'ThreadError', code: 'Timeout' });
    expect(await next).toBe('a is done');
    expect(started).toHaveLength(2);
  });

  test('is replaced where a job takes too much memory', async () => {
    const greedy = run('allocate');
    const next = run('a');
    await expect(greedy).rejects.toMatchObject({ code: 'OutOfMemory' });
    expect(await next).toBe('a is done');
  });

  test('is replaced where a job ends it', async () => {
    const ending = run('exit');
    const next = run('a');
    await expect(ending).rejects.toMatchObject({ code: 'Crashed' });
    expect(await next).toBe('a is done');
  });

  test('is replaced where it ended between two jobs', async () => {
    await run('a');
    await started[0]?.terminate();
    expect(await run('b')).toBe('b is done');
  });
});

describe('the jobs', () => {
  test('of several owners take turns', async () => {
    const order: string[] = [];
    const noted = async (job: string, owner: string): Promise<void> => {
      await run(job, { owner });
      order.push(job);
    };
    await Promise.all([
      noted('a1', 'a'),
      noted('a2', 'a'),
      noted('a3', 'a'),
      noted('b1', 'b'),
      noted('b2', 'b'),
      noted('c1', 'c'),
    ]);
    expect(order).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
  });

  test('that wait do not use up their time', async () => {
    const endless = run('loop', { timeout: 5_000 });
    const waiting = run('a', { timeout: 1_000 });
    await begun();
    clock.advance(5_000);
    await expect(endless).rejects.toMatchObject({ code: 'Timeout' });
    expect(await waiting).toBe('a is done');
  });

  test('of one owner are refused when too many wait, and those of others are taken', async () => {
    const running = run('loop', { timeout: 5_000 });
    const waiting = [run('a'), run('b'), run('c')];
    await expect(run('d')).rejects.toMatchObject({ code: 'Busy' });
    const other = run('e', { owner: 'other' });
    clock.advance(5_000);
    await expect(running).rejects.toMatchObject({ code: 'Timeout' });
    expect(await Promise.all([...waiting, other])).toHaveLength(4);
  });

  test('that are called off end, whether they wait or run', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const running = run('loop', { signal: first.signal });
    const waiting = run('a', { signal: second.signal });
    const next = run('b');
    await begun();
    second.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'Aborted' });
    first.abort();
    await expect(running).rejects.toMatchObject({ code: 'Aborted' });
    expect(await next).toBe('b is done');
    await expect(run('c', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'Aborted' });
  });

  test('end with the thread when it is closed', async () => {
    const jobs = [run('loop'), run('a')];
    const ended = Promise.allSettled(jobs);
    await begun();
    await thread.close();
    expect((await ended).map((result) => result.status)).toEqual(['rejected', 'rejected']);
    expect(clock.waiting).toBe(0);
  });
});
