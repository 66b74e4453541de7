import { expect, test, vi } from 'vitest';
import { formatTime } from '../../src/api/time.ts';
import { harness } from './harness.ts';

const minute = 60_000;

/** A registry, and a way to make an Event that was last seen now. */
async function withEvents() {
  const { client, clock, registry } = await harness();
  const make = (name: string) =>
    client.create('Event', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name },
      involvedObject: { kind: 'Agent', name: 'x' },
      lastTimestamp: formatTime(clock.now()),
    });
  return { client, clock, registry, make };
}

test('an Event goes an hour after it was last seen, not after it was first', async () => {
  const { client, clock, registry, make } = await withEvents();
  await make('old');
  await make('seen-again');
  clock.advance(40 * minute);
  const key = { namespace: 'default', name: 'seen-again' };
  const body = { count: 2, lastTimestamp: formatTime(clock.now()) };
  await client.patch('Event', key, { type: 'merge', body });
  clock.advance(20 * minute);
  const names = async () => (await client.list('Event')).items.map(({ metadata }) => metadata.name);
  await registry.expireEvents(clock.now());
  expect(await names()).toEqual(['old', 'seen-again']);
  clock.advance(1);
  await registry.expireEvents(clock.now());
  expect(await names()).toEqual(['seen-again']);
});

test('of the Events of a namespace the newest ones are kept, up to a number', async () => {
  const { client, clock, registry } = await harness();
  await client.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'calm' } });
  const make = (name: string, namespace: string) =>
    client.create('Event', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: { kind: 'Agent', name: 'x' },
      lastTimestamp: formatTime(clock.now()),
    });
  await make('old', 'calm');
  await make('old', 'default');
  clock.advance(minute);
  await Promise.all(Array.from({ length: 50 }, (_, at) => make(`e${at}`, 'default')));
  await registry.expireEvents(clock.now(), 50);
  const names = async (namespace: string) =>
    new Set((await client.list('Event', { namespace })).items.map(({ metadata }) => metadata.name));
  expect((await names('default')).size).toBe(50);
  expect((await names('default')).has('old')).toBe(false);
  expect(await names('calm')).toEqual(new Set(['old']));
});

test('of two Events that were last seen at the same time the one that was written later is kept', async () => {
  const { client, clock, registry, make } = await withEvents();
  await make('a-minute-ago');
  clock.advance(minute);
  for (const name of ['first', 'second', 'last']) await make(name);
  const names = async () => (await client.list('Event')).items.map(({ metadata }) => metadata.name);
  await registry.expireEvents(clock.now(), 3);
  expect(await names()).toEqual(['first', 'last', 'second']);
  await registry.expireEvents(clock.now(), 2);
  expect(await names()).toEqual(['last', 'second']);
});

test('an Event that is seen again while the old ones go stays', async () => {
  const { client, clock, registry, store } = await harness();
  const body = { apiVersion: 'v1', kind: 'Event', involvedObject: { kind: 'Agent', name: 'x' } } as const;
  await client.create('Event', { ...body, metadata: { name: 'a' }, lastTimestamp: formatTime(clock.now()) });
  clock.advance(61 * minute);
  const remove = store.delete.bind(store);
  vi.spyOn(store, 'delete').mockImplementationOnce(async (...args) => {
    const lastTimestamp = formatTime(clock.now());
    const key = { namespace: 'default', name: 'a' };
    await client.patch('Event', key, { type: 'merge', body: { lastTimestamp } });
    return remove(...args);
  });
  await registry.expireEvents(clock.now());
  expect((await client.list('Event')).items.map(({ metadata }) => metadata.name)).toEqual(['a']);
  clock.advance(61 * minute);
  vi.spyOn(store, 'delete').mockRejectedValueOnce(new Error('the disk is gone'));
  await expect(registry.expireEvents(clock.now())).rejects.toThrow('the disk is gone');
});
