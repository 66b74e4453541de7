import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Parser } from '../../../src/sources/parsing/parser.ts';
import { createParser } from '../../../src/sources/parsing/parser-thread.ts';
import { ManualClock } from '../../fakes/clock.ts';
import { Estate, policyYaml } from './estate.ts';

/** A controller with a parser in a real thread, and a clock that only the parser goes by. */
let clock: ManualClock;
let parser: Parser;
let started: Worker[];
let estate: Estate;

beforeEach(async () => {
  clock = new ManualClock('2026-03-02T10:00:00Z');
  started = [];
  parser = createParser({
    clock,
    start(resourceLimits) {
      const worker = new Worker(new URL('../../fakes/looping-parser.ts', import.meta.url), {
        resourceLimits,
      });
      started.push(worker);
      return worker;
    },
  });
  estate = await Estate.open({ parser });
  const revision = estate.push({ 'a.yaml': policyYaml('a') });
  await estate.follow({ jitter: 0, interval: '10s' });
  await until(async () => (await estate.sync()).status?.revision === revision);
});
afterEach(async () => {
  await estate[Symbol.asyncDispose]();
  await parser.close();
});

const until = (condition: () => Promise<boolean>): Promise<void> =>
  expect.poll(condition, { timeout: 10_000 }).toBe(true);

const hostile = { 'a.yaml': policyYaml('a', 1), 'b.yaml': '# loop\n' };

/** Asks for a look, by a person or by the interval, and waits until the parser is at work. */
async function parsing(look: () => void): Promise<void> {
  const before = clock.waiting;
  look();
  await until(async () => clock.waiting > before);
}

test('the API answers while a hostile tree is parsed, and the condition says what is wrong with it', async () => {
  const good = (await estate.sync()).status?.revision;
  estate.push(hostile);
  clock.advance(30_000); // the thread has gone
  let ended = false;
  await parsing(() => estate.house.clock.advance(11_000));
  const reading = until(async () =>
    (await estate.condition('Ready')).includes('could not be read within'),
  ).then(() => {
    ended = true;
  });
  expect(await estate.names('Policy')).toEqual(['a']);
  expect(ended).toBe(false);
  clock.advance(20_000);
  await reading;
  expect(await estate.condition('Ready')).toBe(
    `False Timeout: one of a.yaml to b.yaml could not be read within 20 s: split or simplify it. main@${good?.slice(0, 12)} remains applied.`,
  );
});

test('it is not parsed again at the next looks, but when a person asks, or when another is pushed', async () => {
  estate.push(hostile);
  clock.advance(30_000);
  await parsing(() => estate.house.clock.advance(11_000));
  clock.advance(20_000);
  await until(async () => (await estate.condition('Ready')).includes('could not be read within'));
  const threads = started.length;
  const { looks } = estate;
  for (let look = 1; look <= 3; look += 1) {
    estate.house.clock.advance(11_000);
    await until(async () => estate.looks >= looks + look);
  }
  expect(started).toHaveLength(threads);
  await parsing(() => void estate.look().catch(() => {})); // it does not come to rest within that
  expect(started).toHaveLength(threads + 1);
  clock.advance(20_000);
  await until(async () => (await estate.sync()).status?.lastHandledRequest !== undefined);
  const revision = estate.push({ 'a.yaml': policyYaml('a', 2) });
  estate.house.clock.advance(11_000);
  await until(async () => (await estate.sync()).status?.revision === revision);
});
