import { expect, test } from 'vitest';
import { harness } from './harness.ts';

const key = { namespace: 'default', name: 'p' };
const policy = (window: string, labels = {}) => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Policy',
  metadata: { ...key, labels },
  spec: { restart: { maxRestarts: 5, window }, backoff: { schedule: ['5s'] } },
});

test('every write of a spec that is valid and cannot be meant is warned of, by its name, and none without a reason', async () => {
  const { registry } = await harness();
  const told: string[] = [];
  const options = { fieldManager: 'me', force: true, warn: (warning: string) => void told.push(warning) };
  const writes = [
    () => registry.create('Policy', key, policy('20s'), options),
    () => registry.update('Policy', key, policy('21s'), options),
    () =>
      registry.patch(
        'Policy',
        key,
        { type: 'merge', body: { spec: { restart: { window: '22s' } } } },
        options,
      ),
    () => registry.patch('Policy', key, { type: 'apply', body: policy('23s') }, options),
  ];
  for (const write of writes) {
    await write();
    expect(told.splice(0)).toEqual([
      expect.stringMatching(/^policy\.agentctl\.dev\/p: spec\.restart: .* is never reached/),
    ]);
  }
  await registry.update('Policy', key, policy('1m'), options);
  expect(told).toEqual([]);
});
