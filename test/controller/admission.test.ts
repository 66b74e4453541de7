import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resumeAnnotation } from '../../src/api/annotations.ts';
import type { Instance, Runtime } from '../../src/api/objects.ts';
import { Admission } from '../../src/controller/admission.ts';
import type { Cache } from '../../src/controller/cache.ts';
import type { Outcome, Want } from '../../src/plan/action.ts';
import { occupancy } from '../../src/plan/admit.ts';
import { ManualClock } from '../fakes/clock.ts';
import { runtimeOf } from '../plan/worlds.ts';

const failed: Outcome = { result: 'Retryable', reason: 'StartFailed', message: 'no' };
const succeeded: Outcome = { result: 'Succeeded' };

const agentOf = (uid: string): string => uid.split('-')[0] ?? '';

/** A fleet on one Runtime, and what Agents does with admission. The instance `a-0` is one of the agent `a`. */
class Fleet {
  readonly clock = new ManualClock('2026-03-02T10:00:00Z');
  readonly running = new Set<string>();
  readonly wanting = new Map<string, number>();
  /** Whose claim is being written. */
  readonly claimed = new Set<string>();
  readonly agents = new Set<string>();
  runtimes = new Set<string>();
  runtimeAt: number | undefined;
  runtime: Runtime;
  admission: Admission;

  constructor(spec: Partial<Runtime['spec']> = {}) {
    const metadata = { name: 'engine', uid: 'r', resourceVersion: '1', creationTimestamp: '' };
    const circuitBreaker = { failureThreshold: 2, cooldown: '1m' };
    this.runtime = { ...runtimeOf({ default: true, circuitBreaker, ...spec }), metadata };
    this.admission = this.build();
  }

  /** As a controller that has just come up. */
  build(): Admission {
    const instances = () => [...this.running, ...this.wanting.keys()].map((uid) => this.instance(uid));
    const cache = {
      runtimes: { list: () => [this.runtime] },
      instances: {
        byIndex: (index: string, value: string) =>
          instances().filter(({ metadata }) => index === 'runtime' || metadata.uid === value),
      },
      load: (name: string) => occupancy(instances()).get(name) ?? { held: 0, starting: 0 },
    };
    return new Admission({
      cache: cache as unknown as Cache, // nothing else of it is read
      clock: this.clock,
      enqueueAgent: (key) => this.agents.add(key),
      enqueueRuntime: (name) => this.runtimes.add(name),
      enqueueRuntimeAt: (_, at) => {
        this.runtimeAt = at;
      },
    });
  }

  instance(uid: string): Instance {
    const running = this.running.has(uid);
    return {
      metadata: { name: uid, namespace: 'default', uid },
      spec: { agentName: agentOf(uid), runtimeRef: { name: 'engine' } },
      status: running ? { phase: 'Starting', run: { number: 1, revision: 'a' } } : { phase: 'Pending' },
    } as unknown as Instance; // as much of it as admission reads
  }

  wants(uid: string, priority = 0): void {
    this.wanting.set(uid, priority);
    this.agents.add(`default/${agentOf(uid)}`);
  }

  #wants(agent: string, grants: ReadonlySet<string>): Want[] {
    return [...this.wanting]
      .filter(([uid]) => agentOf(uid) === agent && !grants.has(uid))
      .map(([uid, priority]) => ({
        uid,
        instance: uid,
        namespace: 'default',
        runtime: 'engine',
        priority,
        since: this.clock.now(),
      }));
  }

  /** The first half of a reconcile. Answers the other half, which writes the claims or loses them. */
  begin(agent: string): (wins: boolean) => void {
    const key = `default/${agent}`;
    this.agents.delete(key);
    if (![...this.wanting.keys(), ...this.running].some((uid) => agentOf(uid) === agent)) {
      this.admission.forget(key);
      return () => {};
    }
    let { grants } = this.admission;
    let wants = this.#wants(agent, grants);
    if (this.admission.ask(key, wants)) {
      grants = this.admission.grants;
      wants = this.#wants(agent, grants);
    }
    const claims = [...this.wanting.keys()].filter((uid) => agentOf(uid) === agent && grants.has(uid));
    for (const uid of claims) this.claimed.add(uid);
    return (wins) => {
      for (const uid of claims) {
        this.claimed.delete(uid);
        if (wins && this.wanting.delete(uid)) this.running.add(uid);
        else this.agents.add(key);
      }
      this.admission.settled(key, wants);
    };
  }

  /** Until nothing is asked for any more. */
  work(): void {
    for (let turns = 0; this.agents.size > 0; turns += 1) {
      if (turns > 1_000) throw new Error('it never comes to rest');
      for (const key of [...this.agents]) this.begin(key.slice('default/'.length))(true);
    }
  }

  end(uid: string): void {
    this.running.delete(uid);
    this.admission.recount();
  }

  place(uid: string): string | undefined {
    return this.admission.places.get(uid)?.reason;
  }

  get breaker(): string {
    return this.admission.of(this.runtime).breaker.state;
  }
}

describe('places', () => {
  test('a full Runtime gives the next place to the highest priority, as soon as one comes free', () => {
    const fleet = new Fleet({ maxConcurrent: 1 });
    fleet.wants('first');
    fleet.work();
    fleet.wants('low');
    fleet.wants('high', 5);
    fleet.work();
    expect(fleet.admission.of(fleet.runtime)).toMatchObject({ running: 1, queued: 2 });
    expect(fleet.admission.places.get('high')?.position).toBe(1);
    fleet.end('first');
    fleet.work();
    expect([...fleet.running]).toEqual(['high']);
    expect(fleet.admission.places.get('low')?.position).toBe(1);
  });

  test('no more start at once than maxStarting', () => {
    const fleet = new Fleet({ maxStarting: 2 });
    for (const uid of ['a', 'b', 'c']) fleet.wants(uid);
    fleet.work();
    expect(fleet.running.size).toBe(2);
  });

  test('the queue beyond its depth is told so', () => {
    const fleet = new Fleet({ maxConcurrent: 0, queue: { maxDepth: 1 } });
    for (const uid of ['a', 'b']) fleet.wants(uid);
    fleet.work();
    expect(['a', 'b'].map((uid) => fleet.place(uid)).sort()).toEqual(['QueueFull', 'Queued']);
  });

  test('a place whose claim was lost goes to the next in the queue', () => {
    const fleet = new Fleet({ maxConcurrent: 1 });
    fleet.wants('a');
    fleet.begin('a')(false);
    fleet.wanting.delete('a');
    fleet.wants('b');
    fleet.work();
    expect([...fleet.running]).toEqual(['b']);
  });

  test('a place that is about to be claimed is nobody else’s', () => {
    const fleet = new Fleet({ maxConcurrent: 1 });
    fleet.wants('a');
    const claim = fleet.begin('a');
    fleet.wants('b');
    fleet.begin('b')(true);
    expect(fleet.admission.grants).toEqual(new Set(['a']));
    claim(true);
    fleet.work();
    expect([...fleet.running]).toEqual(['a']);
  });

  test('a controller that comes up counts anew what is claimed', () => {
    const fleet = new Fleet({ maxConcurrent: 1 });
    fleet.wants('a');
    fleet.work();
    fleet.admission = fleet.build();
    fleet.wants('b');
    fleet.work();
    expect([...fleet.running]).toEqual(['a']);
    expect(fleet.place('b')).toBe('Queued');
  });

  test('a raised limit lets the next ones in', () => {
    const fleet = new Fleet({ maxConcurrent: 1 });
    for (const uid of ['a', 'b', 'c']) fleet.wants(uid);
    fleet.work();
    fleet.runtime = { ...fleet.runtime, spec: { ...fleet.runtime.spec, maxConcurrent: 2 } };
    fleet.admission.recount();
    fleet.work();
    expect(fleet.running.size).toBe(2);
  });
});

describe('the circuit breaker', () => {
  function broken(): Fleet {
    const fleet = new Fleet();
    for (let n = 0; n < 2; n += 1) fleet.admission.ended(fleet.runtime, 'default/a', 'Start', failed);
    return fleet;
  }

  test('opens at its threshold and lets nothing through', () => {
    const fleet = broken();
    fleet.wants('a');
    fleet.work();
    expect([fleet.breaker, fleet.place('a'), fleet.running.size]).toEqual(['Open', 'BreakerOpen', 0]);
    expect(fleet.runtimeAt).toBe(fleet.clock.now() + 60_000);
  });

  test('after its cooldown lets one through, and closes when that succeeds', () => {
    const fleet = broken();
    for (const uid of ['a', 'b']) fleet.wants(uid);
    fleet.work();
    fleet.clock.advance(60_000);
    expect(fleet.breaker).toBe('HalfOpen');
    fleet.work();
    expect(fleet.running.size).toBe(1);
    fleet.admission.ended(fleet.runtime, 'default/a', 'Start', succeeded);
    fleet.work();
    expect([fleet.breaker, fleet.running.size]).toEqual(['Closed', 2]);
  });

  test('opens again when the one that tried fails', () => {
    const fleet = broken();
    fleet.clock.advance(60_000);
    expect(fleet.breaker).toBe('HalfOpen');
    fleet.admission.ended(fleet.runtime, 'default/a', 'Start', failed);
    expect(fleet.breaker).toBe('Open');
  });

  test('closes at once by a new resume annotation, once for each', () => {
    const fleet = broken();
    fleet.wants('a');
    fleet.work();
    const { metadata } = fleet.runtime;
    fleet.runtime = {
      ...fleet.runtime,
      metadata: { ...metadata, annotations: { [resumeAnnotation]: 'now' } },
    };
    expect(fleet.breaker).toBe('Closed');
    fleet.work();
    expect([...fleet.running]).toEqual(['a']);
    for (let n = 0; n < 2; n += 1) fleet.admission.ended(fleet.runtime, 'default/a', 'Start', failed);
    expect(fleet.breaker).toBe('Open');
  });

  test('stays open when a resume annotation is taken away, and when it comes back with the same value', () => {
    const fleet = broken();
    const { metadata } = fleet.runtime;
    const annotate = (value?: string): void => {
      const annotations = value === undefined ? {} : { [resumeAnnotation]: value };
      fleet.runtime = { ...fleet.runtime, metadata: { ...metadata, annotations } };
    };
    annotate('now');
    const { resumedAt = '' } = fleet.admission.of(fleet.runtime);
    for (let n = 0; n < 2; n += 1) fleet.admission.ended(fleet.runtime, 'default/a', 'Start', failed);
    const { breaker } = fleet.admission.of(fleet.runtime);
    annotate();
    expect(fleet.breaker).toBe('Open');
    annotate('now');
    expect(fleet.breaker).toBe('Open');
    annotate();
    fleet.runtime = { ...fleet.runtime, status: { ...fleet.runtime.status, breaker, resumedAt } };
    fleet.admission = fleet.build();
    expect(fleet.breaker).toBe('Open');
    annotate('later');
    expect(fleet.breaker).toBe('Closed');
  });

  test('of a Runtime that is made anew under the same name is closed', () => {
    const fleet = broken();
    fleet.runtime = { ...fleet.runtime, metadata: { ...fleet.runtime.metadata, uid: 'another' }, status: {} };
    expect(fleet.breaker).toBe('Closed');
  });

  test('is found as it was by a controller that comes up', () => {
    const fleet = broken();
    const { breaker } = fleet.admission.of(fleet.runtime);
    fleet.runtime = { ...fleet.runtime, status: { ...fleet.runtime.status, breaker } };
    fleet.admission = fleet.build();
    expect(fleet.breaker).toBe('Open');
  });

  describe('with several Agents', () => {
    const fail = (fleet: Fleet, ...agents: string[]): void => {
      for (const agent of agents) fleet.admission.ended(fleet.runtime, `default/${agent}`, 'Start', failed);
    };
    const shared = (): Fleet => {
      const fleet = new Fleet({ maxConcurrent: 9 });
      for (const uid of ['a-0', 'a-1', 'b-0']) fleet.wants(uid);
      fleet.work();
      return fleet;
    };

    test('stays closed while only one of them fails, however often', () => {
      const fleet = shared();
      fail(fleet, ...Array.from({ length: 20 }, () => 'a'));
      expect(fleet.breaker).toBe('Closed');
    });

    test('opens when another fails as well', () => {
      const fleet = shared();
      fail(fleet, 'a', 'a', 'b');
      expect(fleet.breaker).toBe('Open');
    });

    test('opens again when the one that tries is the one that failed last', () => {
      const fleet = shared();
      fail(fleet, 'b', 'a');
      fleet.clock.advance(60_000);
      expect(fleet.breaker).toBe('HalfOpen');
      fail(fleet, 'a');
      expect(fleet.breaker).toBe('Open');
    });
  });

  test('takes no notice of what an instance lacks, nor of other actions', () => {
    const fleet = new Fleet();
    const missing: Outcome = { result: 'NotStartable', reason: 'ImagePull', message: 'no' };
    for (let n = 0; n < 9; n += 1) fleet.admission.ended(fleet.runtime, 'default/a', 'Start', missing);
    for (let n = 0; n < 9; n += 1) fleet.admission.ended(fleet.runtime, 'default/a', 'Kill', failed);
    expect(fleet.breaker).toBe('Closed');
  });
});

const uids = ['a-0', 'a-1', 'b-0', 'b-1', 'c-0'];
const step = fc.record({
  what: fc.constantFrom('want', 'begin', 'win', 'lose', 'end', 'drop'),
  uid: fc.constantFrom(...uids),
  priority: fc.integer({ min: 0, max: 2 }),
});

test('a place is never given twice, and none is ever lost, whatever crosses', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 60 }), (max, steps) => {
      const fleet = new Fleet({ maxConcurrent: max });
      const claims = new Map<string, (wins: boolean) => void>();
      const settle = (agent: string, wins: boolean): void => {
        claims.get(agent)?.(wins);
        claims.delete(agent);
      };
      for (const { what, uid, priority } of steps) {
        const agent = agentOf(uid);
        if (what === 'want' && !fleet.running.has(uid)) fleet.wants(uid, priority);
        else if (what === 'begin' && !claims.has(agent)) claims.set(agent, fleet.begin(agent));
        else if (what === 'win' || what === 'lose') settle(agent, what === 'win');
        else if (what === 'end') fleet.end(uid);
        else if (what === 'drop' && fleet.wanting.delete(uid)) fleet.agents.add(`default/${agent}`);
        const taken = new Set([...fleet.running, ...fleet.claimed, ...fleet.admission.grants]);
        expect(taken.size).toBeLessThanOrEqual(max);
      }
      for (const agent of [...claims.keys()]) settle(agent, false);
      const wanted = fleet.running.size + fleet.wanting.size;
      fleet.work();
      expect(fleet.running.size).toBe(Math.min(max, wanted));
      expect(fleet.admission.grants.size).toBe(0);
    }),
  );
});
