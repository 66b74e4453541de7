import { expect, test } from 'vitest';
import { AgentctlError, ApiError, type FailureOptions } from '../../src/api/errors.ts';
import type { LeaderElection } from '../../src/controller/leadership.ts';
import {
  type Keys,
  Manager,
  type ReconcileResult,
  type Reconciler,
  type Requeue,
  RetryAfter,
  TerminalError,
} from '../../src/controller/manager.ts';
import { type Log, silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../fakes/clock.ts';

const second = 1_000;

class Broken extends AgentctlError<'Broken'> {
  constructor(options: FailureOptions = {}) {
    super('Broken', 'it is broken', options);
  }
}

/** A manager on a clock that a test moves, with what it told to its log and its meter. */
class Office {
  readonly clock = new ManualClock('2026-03-02T10:00:00Z');
  readonly told: string[] = [];
  readonly metered: string[] = [];
  readonly manager: Manager;

  constructor(options: { workers?: number; leader?: LeaderElection } = {}) {
    const tell = (_: unknown, text?: string): void => void this.told.push(text ?? '');
    const log = { ...silentLog, info: tell, warn: tell, error: tell } as Log;
    this.manager = new Manager({
      clock: this.clock,
      log,
      workers: options.workers ?? 4,
      leader: options.leader,
      spread: () => 0,
      meter: {
        reconciled: (name: string, result: ReconcileResult, waited: number, took: number) =>
          this.metered.push(`${name} ${result} ${waited} ${took}`),
        retried: (name) => this.metered.push(`${name} retried`),
      },
    });
  }

  add(reconciler: Partial<Reconciler> & Pick<Reconciler, 'reconcile'>): Keys {
    const { name = 'agent' } = reconciler;
    this.manager.register({ workers: 4, ...reconciler, name });
    return this.manager.keys(name);
  }

  async pass(milliseconds: number): Promise<void> {
    this.clock.advance(milliseconds);
    await rest();
  }
}

async function rest(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Work that a test ends. */
function held(): {
  work: (key: string) => Promise<undefined>;
  begun: string[];
  end(key: string): Promise<void>;
} {
  const ends = new Map<string, () => void>();
  const begun: string[] = [];
  return {
    begun,
    work: (key) =>
      new Promise((resolve) => {
        begun.push(key);
        ends.set(key, () => resolve(undefined));
      }),
    end(key) {
      ends.get(key)?.();
      return rest();
    },
  };
}

/** Does what the list says, one after the other, and then nothing. */
function script(...steps: (Error | Requeue)[]): {
  reconcile: () => Promise<Requeue | undefined>;
  tries: () => number;
} {
  let tries = 0;
  return {
    tries: () => tries,
    reconcile: async () => {
      const step = steps[tries];
      tries += 1;
      if (step instanceof Error) throw step;
      return step;
    },
  };
}

test('every object is reconciled at the start, and a key that is added while it is in work once more', async () => {
  const office = new Office();
  const { begun, end, work } = held();
  const keys = office.add({ reconcile: work, all: () => ['a', 'b'] });
  office.manager.start();
  await rest();
  expect(begun).toEqual(['a', 'b']);
  for (let n = 0; n < 3; n += 1) keys.add('a');
  await rest();
  expect(begun).toEqual(['a', 'b']);
  await end('a');
  expect(begun).toEqual(['a', 'b', 'a']);
  await end('a');
  expect(begun).toEqual(['a', 'b', 'a']);
});

test('the same key of two reconcilers is two keys', async () => {
  const office = new Office();
  const [one, two] = [held(), held()];
  const ones = office.add({ name: 'one', reconcile: one.work });
  const twos = office.add({ name: 'two', reconcile: two.work });
  office.manager.start();
  ones.add('team/web');
  twos.add('team/web');
  await rest();
  expect([one.begun, two.begun]).toEqual([['team/web'], ['team/web']]);
});

test('a source adds keys as soon as its reconciler is registered', async () => {
  const office = new Office();
  const { begun, work } = held();
  let changed = (_: string): void => {};
  office.add({
    reconcile: work,
    watch: (keys) => {
      changed = (key) => keys.add(key);
    },
  });
  changed('a');
  expect(office.manager.depths()).toEqual(new Map([['agent', 1]]));
  office.manager.start();
  await rest();
  expect(begun).toEqual(['a']);
  expect(office.manager.depths()).toEqual(new Map([['agent', 0]]));
});

test('a reconciler at its limit leaves the other workers to the others, and goes on as its work ends', async () => {
  const office = new Office({ workers: 3 });
  const [slow, quick] = [held(), held()];
  const slows = office.add({ name: 'slow', workers: 2, reconcile: slow.work });
  const quicks = office.add({ name: 'quick', reconcile: quick.work });
  for (const key of ['a', 'b', 'c', 'd']) slows.add(key);
  office.manager.start();
  quicks.add('e');
  await rest();
  expect([slow.begun, quick.begun]).toEqual([['a', 'b'], ['e']]);
  expect(office.manager.depths().get('slow')).toBe(2);
  await slow.end('b');
  expect(slow.begun).toEqual(['a', 'b', 'c']);
});

test('a throw blocks no other key, is counted, and is told once while its cause stays the same', async () => {
  const office = new Office();
  const done: string[] = [];
  const failing = script(new Error('no'), new Error('no'), new Error('no!'));
  const keys = office.add({
    reconcile: async (key) => {
      done.push(key);
      return key === 'bad' ? failing.reconcile() : undefined;
    },
  });
  office.manager.start();
  for (const key of ['bad', 'good']) keys.add(key);
  await rest();
  expect(done).toEqual(['bad', 'good']);
  expect(office.told).toEqual(['a reconcile failed; it is tried again']);
  await office.pass(50);
  expect(office.told).toHaveLength(1);
  await office.pass(100);
  expect(office.told).toHaveLength(2);
  await office.pass(200);
  expect(office.told.slice(2)).toEqual(['a reconcile failed earlier, and now succeeded']);
  expect(office.metered.filter((line) => line.endsWith('retried'))).toHaveLength(3);
});

test.each<{ what: string; error: Error; waits: number[] }>([
  { what: 'nobody has foreseen', error: new Error('no'), waits: [50, 100, 200, 400] },
  { what: 'may pass', error: new ApiError('ServiceUnavailable', 'no'), waits: [50, 100, 200, 400] },
  {
    what: 'has a backoff of its own',
    error: new Broken({ retry: { from: 1_000, upTo: 4_000 } }),
    waits: [1_000, 2_000, 4_000, 4_000],
  },
])('an error that $what is tried again more and more rarely', async ({ error, waits }) => {
  const office = new Office();
  const { reconcile, tries } = script(error, error, error, error);
  office.add({ reconcile }).add('a');
  office.manager.start();
  await rest();
  for (const [failed, wait] of waits.entries()) {
    await office.pass(wait - 1);
    expect(tries()).toBe(failed + 1);
    await office.pass(1);
    expect(tries()).toBe(failed + 2);
  }
});

test('a reconciler has waits of its own, for errors that name none', async () => {
  const office = new Office();
  const { reconcile, tries } = script(new Error('no'), new Broken({ retry: { from: 70, upTo: 70 } }));
  office.add({ reconcile, backoff: { from: 500, upTo: 500 } }).add('a');
  office.manager.start();
  await rest();
  await office.pass(499);
  expect(tries()).toBe(1);
  await office.pass(1);
  await office.pass(69);
  expect(tries()).toBe(2);
  await office.pass(1);
  expect(tries()).toBe(3);
});

test('a success ends the backoff', async () => {
  const office = new Office();
  const { reconcile, tries } = script(new Error('no'), new Error('no'), {}, new Error('no'));
  const keys = office.add({ reconcile });
  keys.add('a');
  office.manager.start();
  await rest();
  await office.pass(50);
  await office.pass(100);
  expect(tries()).toBe(3);
  keys.add('a');
  await rest();
  await office.pass(50);
  expect(tries()).toBe(5);
});

test.each<[string, Error]>([
  ['TerminalError', new TerminalError('it can never be')],
  ['error that says so', new Broken({ retry: 'Never' })],
])('a %s is told and not tried again until the object changes', async (_, error) => {
  const office = new Office();
  const { reconcile, tries } = script(error);
  const keys = office.add({ reconcile });
  keys.add('a');
  office.manager.start();
  await rest();
  await office.pass(3_600 * second);
  expect(tries()).toBe(1);
  expect(office.told).toEqual(['a reconcile failed; it waits for a change']);
  expect(office.metered).toEqual(['agent Terminal 0 0']);
  keys.add('a');
  await rest();
  expect(tries()).toBe(2);
});

test('RetryAfter sets the time of the next try, and costs no backoff', async () => {
  const office = new Office();
  const at = office.clock.now() + 7 * second;
  const { reconcile, tries } = script(new RetryAfter(at, 'not yet'), new Error('no'));
  office.add({ reconcile }).add('a');
  office.manager.start();
  await rest();
  await office.pass(7 * second - 1);
  expect(tries()).toBe(1);
  await office.pass(1);
  expect(tries()).toBe(2);
  await office.pass(50);
  expect(tries()).toBe(3);
});

test('a reconcile names the time of the next one', async () => {
  const office = new Office();
  const { reconcile, tries } = script({ requeueAt: office.clock.now() + second }, { requeueAt: undefined });
  office.add({ reconcile }).add('a');
  office.manager.start();
  await rest();
  await office.pass(second - 1);
  expect(tries()).toBe(1);
  await office.pass(1);
  expect(tries()).toBe(2);
  await office.pass(3_600 * second);
  expect(tries()).toBe(2);
});

test('a meter hears how long each key waited and took', async () => {
  const office = new Office({ workers: 1 });
  const { end, work } = held();
  const keys = office.add({ reconcile: work });
  keys.add('a');
  keys.add('b');
  office.manager.start();
  await rest();
  await office.pass(300);
  await end('a');
  await office.pass(20);
  await end('b');
  expect(office.metered).toEqual(['agent Succeeded 0 300', 'agent Succeeded 300 20']);
});

test('who is not the leader does nothing, until it becomes the leader', async () => {
  let lead = (): void => {};
  const elected = new Promise<boolean>((resolve) => {
    lead = () => resolve(true);
  });
  const office = new Office({ leader: { elected: () => elected } });
  const { begun, work } = held();
  office.add({ reconcile: work, all: () => ['a', 'b'] });
  office.manager.start();
  await office.pass(3_600 * second);
  expect(begun).toEqual([]);
  lead();
  await rest();
  expect(begun).toEqual(['a', 'b']);
});

test('who never was the leader stops without any work', async () => {
  const office = new Office({
    leader: {
      elected: (signal) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve(false), { once: true })),
    },
  });
  const { begun, work } = held();
  office.add({ reconcile: work, all: () => ['a', 'b'] });
  office.manager.start();
  await rest();
  await office.manager.stop();
  expect(begun).toEqual([]);
});

test('a stop aborts the signal, waits for what is in work and ready, and takes nothing more', async () => {
  const office = new Office({ workers: 1 });
  const { begun, end, work } = held();
  let signal: AbortSignal | undefined;
  const keys = office.add({
    reconcile: (key, context) => {
      signal = context.signal;
      return work(key);
    },
  });
  keys.add('a');
  keys.add('b');
  office.manager.start();
  await rest();
  let stopped = false;
  const stopping = office.manager.stop().then(() => {
    stopped = true;
  });
  keys.add('c');
  expect(signal?.aborted).toBe(true);
  await end('a');
  expect(stopped).toBe(false);
  await end('b');
  await stopping;
  expect(begun).toEqual(['a', 'b']);
});

test('what a stop interrupts is no failure', async () => {
  const office = new Office();
  office
    .add({
      reconcile: (_, { signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    })
    .add('a');
  office.manager.start();
  await rest();
  await office.manager.stop();
  expect(office.told).toEqual([]);
  expect(office.clock.waiting).toBe(0);
});

test('two reconcilers cannot have one name', () => {
  const office = new Office();
  office.add({ reconcile: async () => undefined });
  expect(() => office.add({ reconcile: async () => undefined })).toThrow('two reconcilers are named agent');
});
