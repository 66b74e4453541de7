import { expect, test } from 'vitest';
import type { AnyObject } from '../../src/api/objects.ts';
import { LocalClient } from '../../src/client/local.ts';
import { Recorder } from '../../src/controller/events.ts';
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
  recorder.record(about, exited);
  await recorder.flush();
  clock.advance(60_000);
  recorder.record(about, exited);
  recorder.record(about, exited);
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
  recorder.record(about, exited);
  recorder.record(about, { ...exited, message: 'Run 2 ended with code 1.' });
  await recorder.flush();
  expect((await client.list('Event')).items).toHaveLength(2);
});

test('what an agent said steers no terminal by an Event', async () => {
  const { client, about, recorder } = await open();
  recorder.record(about, { ...exited, message: 'It said \u001b[2J\u009b\u202e.' });
  await recorder.flush();
  expect((await client.list('Event')).items[0]?.message).toBe('It said \\u001b[2J\\u009b\\u202e.');
});

test('an Event that was deleted meanwhile is made anew', async () => {
  const { client, about, recorder } = await open();
  recorder.record(about, exited);
  await recorder.flush();
  for (const { metadata } of (await client.list('Event')).items) await client.delete('Event', metadata);
  recorder.record(about, exited);
  recorder.record(about, exited);
  await recorder.flush();
  recorder.record(about, exited);
  await recorder.flush();
  expect((await client.list('Event')).items).toHaveLength(1);
});
