import { expect, test } from 'vitest';
import type { Resources } from '../../src/client/resources.ts';
import { controllerApis } from '../../src/controller/apis.ts';
import { type LeaderElection, Leadership } from '../../src/controller/leadership.ts';
import { accept, conversation, message } from '../messages/entries.ts';
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

test('after the loss an action in progress is cut off, nothing follows it, and nothing is written', async () => {
  const leader = new FakeElection();
  const writes: string[] = [];
  let removing: PromiseWithResolvers<void> | undefined;
  await using house = await House.open({
    leader,
    client: watched((what) => writes.push(what)),
    wrap: (driver) => ({
      ...driver,
      async remove(...given) {
        removing = Promise.withResolvers();
        await removing.promise;
        return driver.remove(...given);
      },
      async close() {
        removing?.resolve();
        await driver.close();
      },
    }),
  });
  leader.win();
  await house.agent('web');
  await house.within(5_000, () => house.phase('web-0') === 'Ready');
  await house.user.delete('Agent', { namespace: 'default', name: 'web' });
  await house.within(60_000, () => removing !== undefined);

  const [before, calls] = [writes.length, house.engine.calls.length];
  leader.lose();
  await house.until(() => house.engine.calls.length > calls);
  await house.controller.stop();
  expect(house.engine.calls.slice(calls)).toEqual([expect.stringMatching(/^remove/)]);
  expect(writes.slice(before)).toEqual([]);
});

test('a follower answers reads of messages, writes none, and knows all of them once it leads', async () => {
  const leader = new FakeElection();
  const commits: string[] = [];
  await using house = await House.open({
    leader,
    journal: (journal) =>
      new Proxy(journal, {
        get(target, name) {
          if (name === 'commit' || name === 'prune') commits.push(name);
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
  });
  await house.agent('web', {}, { protocol: 'jsonl', suspend: true });
  const web = { namespace: 'default', name: 'web' };
  await house.controller.synced();
  await house.rest();
  const { messages } = controllerApis({
    controller: house.controller,
    resources: house.user,
    clock: house.clock,
    pid: 1,
    version: '1',
    store: { id: '', path: '', revision: () => 0 },
  });
  await expect(messages.send(web, [{ text: 'Hi' }])).rejects.toMatchObject({ code: 'ServiceUnavailable' });
  await expect(messages.usage(web, {})).resolves.toEqual([]);
  await house.controller.conversations.tidy();
  expect(commits).toEqual([]);

  // Meanwhile the leader has accepted one.
  await house.journal.commit([
    { type: 'Conversation', conversation: conversation('c', { agent: 'web' }) },
    ...accept(message('m', { agent: 'web', conversation: 'c', expiresAt: house.clock.now() + 3_600_000 })),
  ]);
  leader.win();
  await house.until(() => house.controller.conversations.waiting(web) === 1);
  await expect(messages.send(web, [{ text: 'Hi' }])).resolves.toHaveLength(1);
});

test('a fenced port has effects only while this process leads, also for work that began before', async () => {
  const leader = new FakeElection();
  const leadership = new Leadership(leader);
  const done: string[] = [];
  const port = {
    read: async () => 'known',
    write: async (what: string) => void done.push(what),
  };
  const fenced = leadership.fence(port, ['write']);
  const refused = { code: 'ServiceUnavailable', retry: 'Never' };
  await expect(fenced.write('early')).rejects.toMatchObject(refused);
  leader.win();
  await leadership.won(new AbortController().signal);
  await fenced.write('led');
  leader.lose();
  await expect(fenced.write('late')).rejects.toMatchObject(refused);
  expect([done, await fenced.read()]).toEqual([['led'], 'known']);
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
