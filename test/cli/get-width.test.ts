import { expect, test } from 'vitest';
import type { Agent } from '../../src/api/objects.ts';
import { displayWidth } from '../../src/cli/print/text-table.ts';
import { agent } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell();

const make = async (name: string, status: Agent['status']): Promise<void> => {
  const made = await shell.server.client.create('Agent', agent(name));
  await shell.server.controller.update('Agent', { ...made, status: status ?? {} }, { subresource: 'status' });
};

test('get agents fits in 80 columns of a terminal, and has all columns elsewhere', async () => {
  await make('payments-reconciler-eu', { phase: 'Ready', reason: 'Ready', readyReplicas: 1 });
  await make('customer-support-bot', { phase: 'Pending', reason: 'RuntimeMissing', restartCount: 1234 });
  const terminal = { out: true, columns: 80 };
  const { out } = await shell.run(['get', 'agents'], { terminal });
  expect(out).toContain('RuntimeMissing');
  expect(Math.max(...out.split('\n').map(displayWidth))).toBeLessThanOrEqual(80);
  expect((await shell.run(['get', 'agents'])).out).toMatch(
    /^NAME +READY +PHASE +REASON +RESTARTS +QUEUE +AGE\n/,
  );
});
