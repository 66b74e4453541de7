import { expect, test } from 'vitest';
import { agent } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell();

test('describe says once why an agent is not accepted', async () => {
  const why = 'The Runtime docker does not support spec.template.user. Change it.';
  const made = await shell.server.client.create('Agent', agent('web'));
  const condition = (type: string, message: string) => ({
    type,
    status: 'False' as const,
    lastTransitionTime: '2026-01-31T12:00:00Z',
    reason: 'UnsupportedByRuntime',
    message,
  });
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
