import { expect, test } from 'vitest';
import { formatTime } from '../../src/api/time.ts';
import { harness } from './harness.ts';

const minute = 60_000;

test('an Event goes an hour after it was last seen, not after it was first', async () => {
  const { client, clock, registry } = await harness();
  const make = (name: string) =>
    client.create('Event', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name },
      involvedObject: { kind: 'Agent', name: 'x' },
      lastTimestamp: formatTime(clock.now()),
    });
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
