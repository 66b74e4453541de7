import { expect, test } from 'vitest';
import type { AnyObject } from '../../src/api/objects.ts';
import { LocalClient } from '../../src/client/local.ts';
import { Recorder } from '../../src/client/recorder.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog as log } from '../../src/platform/log.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { ManualClock } from '../fakes/clock.ts';

async function open() {
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const registry = await createRegistry({
    store: openStore(':memory:', { log }),
    clock,
    ids: randomIds,
    log,
  });
  const client = new LocalClient(registry, 'test');
  const about: AnyObject = await client.create('ConfigMap', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'web', namespace: 'default' },
  });
  return { clock, client, about, recorder: new Recorder(client, clock, randomIds, log) };
}

const exited = { type: 'Warning', reason: 'Exited', message: 'Run 1 ended with code 1.' } as const;

test('the same happening counts up one Event', async () => {
  const { clock, client, about, recorder } = await open();
  recorder.recordEvent(about, exited);
  await recorder.flush();
  clock.advance(60_000);
  recorder.recordEvent(about, exited);
  recorder.recordEvent(about, exited);
  await recorder.flush();
  const { items } = await client.list('Event');
  expect(items).toHaveLength(1);
  expect(items[0]).toMatchObject({
    ...exited,
    count: 3,
    firstTimestamp: '2026-03-02T10:00:00.000Z',
    lastTimestamp: '2026-03-02T10:01:00.000Z',
    eventTime: '2026-03-02T10:00:00.000000Z', // kubectl reads no other number of digits
    involvedObject: { kind: 'ConfigMap', name: 'web', uid: about.metadata.uid },
  });
});

test('another message is another Event', async () => {
  const { client, about, recorder } = await open();
  recorder.recordEvent(about, exited);
  recorder.recordEvent(about, { ...exited, message: 'Run 2 ended with code 1.' });
  await recorder.flush();
  expect((await client.list('Event')).items).toHaveLength(2);
});

test('what an agent said steers no terminal by an Event', async () => {
  const { client, about, recorder } = await open();
  recorder.recordEvent(about, { ...exited, message: 'It said \u001b[2J\u009b\u202e.' });
  await recorder.flush();
  expect((await client.list('Event')).items[0]?.message).toBe('It said \\u001b[2J\\u009b\\u202e.');
});

test('an Event that was deleted meanwhile is made anew', async () => {
  const { client, about, recorder } = await open();
  recorder.recordEvent(about, exited);
  await recorder.flush();
  for (const { metadata } of (await client.list('Event')).items) await client.delete('Event', metadata);
  recorder.recordEvent(about, exited);
  recorder.recordEvent(about, exited);
  await recorder.flush();
  recorder.recordEvent(about, exited);
  await recorder.flush();
  expect((await client.list('Event')).items).toHaveLength(1);
});

test('the first happening after an Event has expired is not lost, and is counted from one', async () => {
  const { clock, client, about, recorder } = await open();
  recorder.recordEvent(about, exited);
  recorder.recordEvent(about, exited);
  await recorder.flush();
  for (const { metadata } of (await client.list('Event')).items) await client.delete('Event', metadata);
  clock.advance(7_200_000);
  recorder.recordEvent(about, exited);
  await recorder.flush();
  expect((await client.list('Event')).items).toEqual([
    expect.objectContaining({ ...exited, count: 1, firstTimestamp: '2026-03-02T12:00:00.000Z' }),
  ]);
});

test('an Event of an Instance is found at its Agent too, as kubectl and watches ask for it', async () => {
  const { client, recorder } = await open();
  const uid = 'a3f0c1d2-0000-4000-8000-000000000001';
  const spec = { agentName: 'web', agentUID: uid, ordinal: 0, runtimeRef: { name: 'process' } };
  const instance: AnyObject = await client.create('Instance', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Instance',
    metadata: { name: 'web-0', namespace: 'default' },
    spec,
  });
  recorder.recordEvent(instance, exited);
  await recorder.flush();
  const found = async (fields: Record<string, string>) => {
    const fieldSelector = Object.entries(fields)
      .map(([field, value]) => `involvedObject.${field}=${value}`)
      .join(',');
    return (await client.list('Event', { fieldSelector })).items.length;
  };
  expect(await found({ kind: 'Agent', name: 'web', namespace: 'default', uid })).toBe(1);
  expect(await found({ kind: 'Instance', name: 'web-0', uid: instance.metadata.uid })).toBe(1);
  expect(await found({ kind: 'Agent', name: 'other' })).toBe(0);
  expect(await found({ kind: 'Instance', name: 'web' })).toBe(0); // never partly by one and partly by the other
  const other = await client.list('Event', { fieldSelector: 'involvedObject.kind!=Instance' });
  expect(other.items).toEqual([]);
  const stop = new AbortController();
  const events = client.watch('Event', { fieldSelector: 'involvedObject.name=web', signal: stop.signal });
  for await (const { type } of events) {
    expect(type).toBe('ADDED');
    break;
  }
  stop.abort();
});

const told = async (client: LocalClient) =>
  (await client.list('Event')).items.map(({ message, count }) => ({ message, count }));

test('more than ten that differ in their messages alone become one', async () => {
  const { client, about, recorder } = await open();
  for (let run = 1; run <= 15; run += 1) {
    recorder.recordEvent(about, { ...exited, message: `Run ${run} ended with code 1.` });
    await recorder.flush();
  }
  const events = await told(client);
  expect(events).toHaveLength(11);
  expect(events).toContainEqual({
    message: '(combined from similar events): Run 15 ended with code 1.',
    count: 5,
  });
});

test('a flood is recorded as a few Events, and the count continues with the next', async () => {
  const { clock, client, about, recorder } = await open();
  const heard: string[] = [];
  recorder.onEvent((_, { reason }) => heard.push(reason));
  for (let n = 0; n < 10_000; n += 1) recorder.recordEvent(about, { ...exited, message: `code ${n}` });
  await recorder.flush();
  expect(heard).toHaveLength(25);
  expect(await told(client)).toHaveLength(11);
  recorder.recordEvent(about, { ...exited, reason: 'Other' });
  expect(heard.at(-1)).toBe('Other');
  clock.advance(300_000);
  recorder.recordEvent(about, { ...exited, message: 'code 10000' });
  await recorder.flush();
  const combined = (await told(client)).find(({ message }) => message?.includes('combined') === true);
  expect(combined).toEqual({ message: '(combined from similar events): code 10000.', count: 9_991 });
});

test('ten minutes later similar ones are told one by one again', async () => {
  const { clock, client, about, recorder } = await open();
  for (let n = 0; n < 12; n += 1) recorder.recordEvent(about, { ...exited, message: `code ${n}` });
  clock.advance(601_000);
  recorder.recordEvent(about, { ...exited, message: 'code 12' });
  await recorder.flush();
  expect((await told(client)).map(({ message }) => message)).toContain('code 12.');
});
