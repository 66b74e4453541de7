import { expect, test } from 'vitest';
import type { AnyObject, New } from '../../../src/api/objects.ts';
import { isUnchanged } from '../../../src/client/compare-objects.ts';
import type { LocalClient } from '../../../src/client/local.ts';
import { harness } from '../../registry/harness.ts';

const key = { namespace: 'default', name: 'web' };

/** As a manifest has it; the schema has it in no stricter type. */
const agent = (spec: object, metadata: object = {}): New<AnyObject> =>
  ({
    apiVersion: 'agentctl.dev/v1',
    kind: 'Agent',
    metadata: { ...key, ...metadata },
    spec,
  }) as New<AnyObject>;

const env = [
  { name: 'A', value: 'a' },
  { name: 'B', value: 'b' },
];
const base = {
  replicas: 2,
  policy: { restartOn: ['SecretChange'], backoff: { schedule: ['1s', '2s'] } },
  template: { command: ['sleep', '600'], env },
};
const labels = { labels: { team: 'a' } };

const apply = (client: LocalClient, body: New<AnyObject>, dryRun = false) =>
  client.patch('Agent', key, { type: 'apply', body }, { fieldManager: 'agentctl', force: true, dryRun });

test('what was applied is unchanged until it is sent otherwise, or somebody changed it', async () => {
  const { client } = await harness();
  const sent = agent(base, labels);
  const live = await apply(client, sent);
  expect(isUnchanged(sent, live, 'agentctl')).toBe(true);
  expect(await apply(client, sent, true)).toEqual(live);
  expect(isUnchanged(sent, live, 'another')).toBe(false);
  await client.patch(
    'Agent',
    key,
    { type: 'merge', body: { spec: { replicas: 3 } } },
    { fieldManager: 'ann' },
  );
  expect(isUnchanged(sent, await client.get('Agent', key), 'agentctl')).toBe(false);
});

test('what others own beside it does not count', async () => {
  const { client } = await harness();
  const sent = agent(base, labels);
  await apply(client, sent);
  const body = { metadata: { annotations: { seen: 'yes' } } };
  await client.patch('Agent', key, { type: 'merge', body }, { fieldManager: 'ann' });
  expect(isUnchanged(sent, await client.get('Agent', key), 'agentctl')).toBe(true);
});

test.each([
  ['another value', { ...base, replicas: 1 }, labels],
  ['a field less', { policy: base.policy, template: base.template }, labels],
  ['a field more', { ...base, suspend: true }, labels],
  ['no label', base, {}],
  ['another label', base, { labels: { team: 'b' } }],
  ['an item less', { ...base, template: { ...base.template, env: env.slice(1) } }, labels],
  ['items in another order', { ...base, template: { ...base.template, env: env.toReversed() } }, labels],
  ['another list', { ...base, template: { ...base.template, command: ['sleep', '1'] } }, labels],
  ['another set', { ...base, policy: { ...base.policy, restartOn: [] } }, labels],
])('%s is not the same', async (_name, spec, metadata) => {
  const { client } = await harness();
  const live = await apply(client, agent(base, labels));
  const sent = agent(spec, metadata);
  expect(isUnchanged(sent, live, 'agentctl')).toBe(false);
  expect(await apply(client, sent, true)).not.toEqual(live);
});

test('one that is being deleted, or that a lesser author wrote, is for the server to judge', async () => {
  const { client } = await harness();
  const sent = agent(base, { ...labels, finalizers: ['test/held'] });
  const live = await apply(client, sent);
  expect(isUnchanged(sent, live, 'agentctl')).toBe(true);
  const { metadata } = live;
  const annotations = { 'agentctl.dev/author': 'token:edit' };
  expect(isUnchanged(sent, { ...live, metadata: { ...metadata, annotations } }, 'agentctl')).toBe(false);
  await client.delete('Agent', key);
  expect(isUnchanged(sent, await client.get('Agent', key), 'agentctl')).toBe(false);
});
