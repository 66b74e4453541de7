import { expect, test } from 'vitest';
import type { Resources } from '../../src/client/resources.ts';
import type { LeaderElection } from '../../src/controller/manager.ts';
import { House } from './house.ts';

class FakeElection implements LeaderElection {
  readonly #won = Promise.withResolvers<true>();
  readonly #lost = new AbortController();
  readonly lost = this.#lost.signal;

  async elected(signal: AbortSignal): Promise<boolean> {
    if (this.lost.aborted) return false;
    const stopped = new Promise<false>((resolve) =>
      signal.addEventListener('abort', () => resolve(false), { once: true }),
    );
    return Promise.race([this.#won.promise, stopped]);
  }

  win(): void {
    this.#won.resolve(true);
  }

  lose(): void {
    this.#lost.abort();
  }
}

/** Calls `wrote` at each write. */
const watched =
  (wrote: (what: string) => void) =>
  (client: Resources): Resources => ({
    get: (...given) => client.get(...given),
    list: (...given) => client.list(...given),
    watch: (...given) => client.watch(...given),
    create: (...given) => {
      wrote(`create ${given[0]}`);
      return client.create(...given);
    },
    update: (...given) => {
      wrote(`update ${given[0]}`);
      return client.update(...given);
    },
    patch: (...given) => {
      wrote(`patch ${given[0]}`);
      return client.patch(...given);
    },
    delete: (...given) => {
      wrote(`delete ${given[0]}`);
      return client.delete(...given);
    },
  });

test('a follower writes and starts nothing, works once it is elected, and no more once it has lost', async () => {
  const leader = new FakeElection();
  const writes: string[] = [];
  await using house = await House.open({ leader, client: watched((what) => writes.push(what)) });
  await house.agent('web');
  await house.rest();
  house.clock.advance(3_600_000);
  await house.rest();
  expect([writes, house.engine.calls]).toEqual([[], []]);

  leader.win();
  await house.within(5_000, () => house.phase('web-0') === 'Ready');
  expect(house.engine.calls).toEqual(['create default/web-0 run 1']);

  leader.lose();
  await house.controller.stop();
  const before = writes.length;
  await house.agent('late');
  house.clock.advance(3_600_000);
  await house.rest();
  expect(writes.slice(before)).toEqual([]);
  expect(house.engine.calls).toEqual(['create default/web-0 run 1']);
});

test('a follower that is stopped was never the leader', async () => {
  const writes: string[] = [];
  const house = await House.open({
    leader: new FakeElection(),
    client: watched((what) => writes.push(what)),
  });
  await house.agent('web');
  await house[Symbol.asyncDispose]();
  expect([writes, house.engine.calls]).toEqual([[], []]);
});
