import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { type ConfigMap, keyText } from '../../src/api/objects.ts';
import { Informer } from '../../src/client/informer.ts';
import { LocalClient } from '../../src/client/local.ts';
import type { Resources } from '../../src/client/resources.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { ManualClock } from '../fakes/clock.ts';
import { ScriptedServer } from './scripted.ts';

let abort = new AbortController();
afterEach(() => {
  abort.abort();
  abort = new AbortController();
});

const entry = ({ metadata, data }: ConfigMap): [string, string | undefined] => [
  keyText(metadata),
  data?.value,
];

/** An informer, what its handlers were told in words, and what is there by what they were told. */
function informed(resources: Resources) {
  const clock = new ManualClock('2026-03-01T12:00:00Z');
  const informer = new Informer('ConfigMap', { resources, clock, log: silentLog });
  const told: string[] = [];
  const replayed = new Map<string, ConfigMap>();
  informer.addHandler({
    added(object) {
      expect(replayed.has(keyText(object.metadata))).toBe(false);
      replayed.set(keyText(object.metadata), object);
      told.push(`added ${object.metadata.name}=${object.data?.value}`);
    },
    updated(before, now) {
      expect(replayed.get(keyText(now.metadata))).toBe(before);
      expect(now.metadata.uid).toBe(before.metadata.uid);
      replayed.set(keyText(now.metadata), now);
      told.push(`updated ${now.metadata.name} ${before.data?.value}->${now.data?.value}`);
    },
    deleted(last) {
      expect(replayed.delete(keyText(last.metadata))).toBe(true);
      told.push(`deleted ${last.metadata.name}`);
    },
  });
  const shown = () => Object.fromEntries(informer.list().map(entry).sort());
  /** Lets time pass, a second a turn, until the condition holds. */
  const until = async (condition: () => boolean): Promise<void> => {
    for (let turn = 0; turn < 200 && !condition(); turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (turn % 5 === 4) clock.advance(1_000);
    }
    expect(condition()).toBe(true);
  };
  return { informer, clock, told, replayed, shown, until };
}

async function started() {
  const server = new ScriptedServer();
  server.put('a', '1');
  const all = informed(server.resources);
  all.informer.start(abort.signal);
  await all.until(() => server.watches === 1);
  await all.informer.synced;
  return { server, ...all };
}

describe('an informer', () => {
  test('lists once, then follows', async () => {
    const { server, informer, told, until } = await started();
    server.put('a', '2');
    server.put('b', '1');
    server.delete('a');
    await until(() => told.length === 4);
    expect(told).toEqual(['added a=1', 'updated a 1->2', 'added b=1', 'deleted a']);
    expect(informer.get('default/b')?.data).toEqual({ value: '1' });
    expect(informer.get('default/a')).toBeUndefined();
    expect(server.lists).toBe(1);
  });

  test('lists again when its version is no longer kept, and tells the differences', async () => {
    const { server, told, shown, until } = await started();
    server.put('b', '1');
    await until(() => told.length === 2);
    server.fail('expire');
    server.put('a', '2');
    server.put('c', '1');
    server.delete('b');
    await until(() => server.lists === 2 && told.length === 5);
    expect(told.slice(2).sort()).toEqual(['added c=1', 'deleted b', 'updated a 1->2']);
    expect(shown()).toEqual(server.shown());
  });

  test('tells an object whose name was given anew meanwhile as deleted and added', async () => {
    const { server, told, until } = await started();
    server.fail('expire');
    server.delete('a');
    server.put('a', '2');
    await until(() => told.length === 3);
    expect(told).toEqual(['added a=1', 'deleted a', 'added a=2']);
  });

  test('goes on from where it was when the server ends a watch', async () => {
    const { server, told, until } = await started();
    server.put('b', '1');
    await until(() => told.length === 2);
    server.fail('end');
    server.put('b', '2');
    await until(() => told.length === 3);
    expect(server.lists).toBe(1);
    expect(told[2]).toBe('updated b 1->2');
  });

  test('does not ask without a pause a server that ends every watch at once', async () => {
    const { server } = await started();
    for (let n = 0; n < 50; n++) server.fail('end');
    for (let n = 0; n < 50; n++) await new Promise((resolve) => setImmediate(resolve));
    expect(server.watches).toBe(1);
  });

  test('waits out a server that cannot be reached, and misses nothing', async () => {
    const { server, clock, shown, until } = await started();
    server.down = true;
    server.fail('lose');
    await until(() => server.lists >= 3);
    const asked = server.lists;
    await until(() => clock.waiting === 1);
    expect(server.lists).toBeLessThanOrEqual(asked + 1);
    server.put('b', '1');
    server.delete('a');
    server.down = false;
    await until(() => 'default/b' in shown());
    expect(shown()).toEqual({ 'default/b': '1' });
  });

  test('is synced only after a list that worked', async () => {
    const server = new ScriptedServer();
    server.down = true;
    const { informer, until } = informed(server.resources);
    let synced = false;
    void informer.synced.then(() => {
      synced = true;
    });
    informer.start(abort.signal);
    await until(() => server.lists === 2);
    expect(synced).toBe(false);
    server.down = false;
    await until(() => synced);
  });

  test('shows a write of its own at once, and tells it once', async () => {
    const { server, informer, told, shown, until } = await started();
    informer.observeWrite(server.put('b', '1'));
    expect(shown()).toEqual({ 'default/a': '1', 'default/b': '1' });
    server.put('c', '1');
    await until(() => told.length === 3);
    expect(told).toEqual(['added a=1', 'added b=1', 'added c=1']);
  });

  test('a late answer takes nothing back', async () => {
    const { server, informer, told, shown, until } = await started();
    const late = server.put('a', '2');
    const gone = server.put('b', '1');
    server.put('a', '3');
    server.delete('b');
    await until(() => told.at(-1) === 'deleted b');
    informer.observeWrite(late);
    informer.observeWrite(gone);
    expect(shown()).toEqual({ 'default/a': '3' });
  });

  test('a late answer takes nothing back either when only a list told of the deletion', async () => {
    const { server, informer, shown, until } = await started();
    server.fail('expire');
    const gone = server.put('b', '1');
    server.delete('b');
    server.put('c', '1');
    await until(() => server.watches === 2);
    informer.observeWrite(gone);
    expect(shown()).toEqual({ 'default/a': '1', 'default/c': '1' });
  });

  test('finds by index, also after changes and deletions', async () => {
    const server = new ScriptedServer();
    for (const name of ['a', 'b']) server.put(name, 'red');
    const { informer, told, until } = informed(server.resources);
    informer.addIndex('colour', ({ data }) => (data?.value === undefined ? [] : [data.value]));
    informer.start(abort.signal);
    await until(() => server.watches === 1);
    const names = (colour: string) => informer.byIndex('colour', colour).map(({ metadata }) => metadata.name);
    expect(names('red').sort()).toEqual(['a', 'b']);
    server.put('a', 'blue');
    server.delete('b');
    await until(() => told.length === 4);
    expect([names('red'), names('blue')]).toEqual([[], ['a']]);
  });

  test('ends with its signal', async () => {
    const { server, told } = await started();
    abort.abort();
    server.put('b', '1');
    for (let n = 0; n < 10; n++) await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['added a=1']);
    expect(server.lists).toBe(1);
  });
});

test('whatever happens to the stream, the final state is the server’s, and handlers were told of it', async () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), name, observed: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), name }) },
    fc.record({ do: fc.constantFrom('expire' as const, 'lose' as const, 'end' as const) }),
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('turn' as const, 'late' as const) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const controller = new AbortController();
      const server = new ScriptedServer();
      const { informer, replayed, shown, until } = informed(server.resources);
      informer.start(controller.signal);
      const answers: ConfigMap[] = [];
      for (const [count, now] of steps.entries()) {
        if (now.do === 'put') {
          const answer = server.put(now.name, String(count));
          if (now.observed) informer.observeWrite(answer);
          else answers.push(answer);
        } else if (now.do === 'delete') server.delete(now.name);
        else if (now.do === 'turn') await new Promise((resolve) => setImmediate(resolve));
        else if (now.do === 'late') for (const answer of answers.splice(0)) informer.observeWrite(answer);
        else server.fail(now.do);
      }
      server.put('last', 'x');
      const same = (): boolean => JSON.stringify(shown()) === JSON.stringify(server.shown());
      await until(same);
      for (const answer of answers) informer.observeWrite(answer);
      // An answer from before the last list or event brings nothing back; one that is ahead of them is put right by them.
      await until(same);
      expect(Object.fromEntries([...replayed.values()].map(entry).sort())).toEqual(server.shown());
      controller.abort();
    }),
  );
});

test('over the real registry it holds what the registry holds', async () => {
  const store = openStore(':memory:', { log: silentLog });
  const registry = await createRegistry({ store, clock: systemClock, ids: randomIds, log: silentLog });
  const resources = new LocalClient(registry, 'test');
  const { informer, told, until } = informed(resources);
  informer.start(abort.signal);
  await informer.synced;
  const metadata = { name: 'a', namespace: 'default' };
  const made = await resources.create('ConfigMap', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata,
    data: { value: '1' },
  });
  await resources.update('ConfigMap', { ...made, data: { value: '2' } });
  await until(() => told.length === 2);
  expect(informer.list()).toEqual((await resources.list('ConfigMap')).items);
  await resources.delete('ConfigMap', metadata);
  await until(() => told.length === 3);
  informer.observeWrite(made);
  expect(told).toEqual(['added a=1', 'updated a 1->2', 'deleted a']);
  expect(informer.list()).toEqual([]);
  abort.abort();
  await store.close();
});
