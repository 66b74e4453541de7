/** The same amount, written otherwise, is no change: by every verb, and for every manager. */
import { describe, expect, test } from 'vitest';
import type { Agent } from '../../src/api/objects.ts';
import { harness } from './harness.ts';

const key = { namespace: 'default', name: 'a' };
const spec = (cpu: unknown, memory: unknown, time: string) => ({
  minReady: time,
  template: { image: 'web:1', resources: { limits: { cpu, memory } } },
});
const agent = (of: object) => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Agent',
  metadata: key,
  spec: of as Agent['spec'],
});
const first = spec('1', '1Gi', '60s');
const again = spec('1000m', '1024Mi', '1m');

describe('what is the same amount', () => {
  test.each([
    ['an update', 'update'],
    ['a merge patch', 'merge'],
    ['an apply of the same manager', 'apply'],
  ])('changes nothing by %s', async (_, way) => {
    const { client } = await harness();
    const made = await client.patch('Agent', key, { type: 'apply', body: agent(first) });
    const after =
      way === 'update'
        ? await client.update('Agent', { ...made, spec: { ...made.spec, ...again } as Agent['spec'] })
        : await client.patch('Agent', key, { type: way as 'merge', body: agent(again) });
    expect(after).toEqual(made);
  });

  test('is no conflict with another manager', async () => {
    const { client, as } = await harness();
    const made = await client.patch('Agent', key, { type: 'apply', body: agent(first) });
    const { spec, metadata } = await as('other').patch('Agent', key, { type: 'apply', body: agent(again) });
    expect(spec).toEqual(made.spec);
    expect(metadata.generation).toBe(1);
  });

  test('as a bare number is taken', async () => {
    const { client } = await harness();
    const made = await client.create('Agent', agent(spec(1, 1_073_741_824, '60s')), {
      fieldValidation: 'Strict',
    });
    expect(made.spec.template.resources?.limits).toEqual({ cpu: '1', memory: '1073741824' });
    const after = await client.patch('Agent', key, { type: 'merge', body: { spec: first } });
    expect(after.metadata.generation).toBe(1);
  });
});

test.each([[-1], [1e21]])('a number that is no amount is refused: %s', async (cpu) => {
  const { client } = await harness();
  const refused = client.create('Agent', agent(spec(cpu, '1Gi', '60s')));
  await expect(refused).rejects.toMatchObject({ code: 'Invalid' });
});
