import { expect, test } from 'vitest';
import { agent } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell();

const condition = (type: string, message: string, status: 'True' | 'False' = 'False') => ({
  type,
  status,
  lastTransitionTime: '2026-01-31T12:00:00Z',
  reason: 'UnsupportedByRuntime',
  message,
});

test('describe says a long reason once', async () => {
  const why = `The image a:1 cannot be pulled: the registry answered ${'no '.repeat(30)}. It is tried again.`;
  const made = await shell.server.client.create('Agent', agent('long'));
  const status = {
    phase: 'Pending' as const,
    reason: 'ImagePull',
    message: why,
    conditions: [
      condition('Accepted', 'The spec is valid.', 'True'),
      condition('Ready', `0 of 1 instances are Ready. long-0: ${why}`),
    ],
  };
  await shell.server.controller.update('Agent', { ...made, status }, { subresource: 'status' });
  const { out } = await shell.run(['describe', 'agent', 'long']);
  expect(out.split(why)).toHaveLength(2);
  expect(out).toContain('0 of 1 instances are Ready. long-0: See Why.');
});

test('describe says once why an agent is not accepted', async () => {
  const why = 'The Runtime docker does not support spec.template.user. Change it.';
  const made = await shell.server.client.create('Agent', agent('web'));
  const ready = `0 of 1 instances are Ready. web-0: ${why}`;
  const status = {
    phase: 'Pending' as const,
    reason: 'UnsupportedByRuntime',
    message: why,
    conditions: [condition('Accepted', why), condition('Ready', ready)],
  };
  await shell.server.controller.update('Agent', { ...made, status }, { subresource: 'status' });
  const { out } = await shell.run(['describe', 'agent', 'web']);
  expect(out.split(why)).toHaveLength(2);
  expect(out).toMatch(/Accepted +False +0s +UnsupportedByRuntime +See Why/);
});
