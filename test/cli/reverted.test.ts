import { expect, test } from 'vitest';
import type { Agent } from '../../src/api/objects.ts';
import { useShell } from './support.ts';

const shell = useShell();

const yaml = (name: string, word: string): string => `apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name} }
spec:
  template: { command: [echo, "${word}"] }
`;
const at = (name: string) => ({ namespace: 'default', name });
const apply = (name: string, word: string, onErr?: () => void) =>
  shell.run(['apply', '-f', '-', '--wait'], {
    stdin: yaml(name, word),
    ...(onErr === undefined ? {} : { onErr, terminal: { err: true } }),
  });

/** What the controller does to an Agent whose new Revision does not come up. */
async function revert(name: string): Promise<void> {
  const { client, controller } = shell.server;
  const agent = await client.get('Agent', at(name));
  const metadata = {
    ...agent.metadata,
    annotations: { 'agentctl.dev/reverted': `${name}-2 ${new Date(shell.server.clock.now()).toISOString()}` },
  };
  const template = { ...agent.spec.template, command: ['echo', 'good'] };
  await settle(
    await controller.update('Agent', { ...agent, metadata, spec: { ...agent.spec, template } }),
    true,
  );
}

async function settle(agent: Agent, reverted: boolean): Promise<void> {
  const condition = {
    observedGeneration: agent.metadata.generation ?? 0,
    lastTransitionTime: '2026-01-31T12:00:00Z',
  };
  const failed = { ...condition, reason: 'Reverted', message: 'Revision web-2 did not become Ready.' };
  const status = {
    observedGeneration: agent.metadata.generation ?? 0,
    replicas: 1,
    readyReplicas: 1,
    updatedReplicas: 1,
    phase: 'Ready' as const,
    ...(reverted ? { updateRevision: 'web-3' } : {}),
    conditions: [
      { ...condition, type: 'Ready', status: 'True' as const, reason: 'Ready', message: '' },
      ...(reverted ? [{ ...failed, type: 'Stalled', status: 'True' as const }] : []),
    ],
  };
  await shell.server.controller.update('Agent', { ...agent, status }, { subresource: 'status' });
}

/** A verdict that a wait is hopeless stands for half a second before it is told. */
async function passing<T>(running: Promise<T>): Promise<T> {
  const moving = setInterval(() => shell.server.clock.advance(100), 20);
  return running.finally(() => clearInterval(moving));
}

test('apply --wait fails where autoRevert takes back what was applied, and says so', async () => {
  await shell.run(['apply', '-f', '-'], { stdin: yaml('web', 'good') });
  await settle(await shell.server.client.get('Agent', at('web')), false);
  let begun = false;
  const screen = apply('web', 'bad', () => {
    if (!begun) void revert('web');
    begun = true;
  });
  const { code, err } = await passing(screen);
  expect(code).toBe(2);
  expect(err).toContain(
    'agent.agentctl.dev/web: the condition can no longer be met: Reverted: Revision web-2 did not',
  );
});

test('rollout status fails with the cause, with and without --watch', async () => {
  for (const how of [[], ['--no-watch']]) {
    const { code, err } = await passing(shell.run(['rollout', 'status', 'web', ...how]));
    expect(code).toBe(2);
    expect(err).toContain('Reverted: Revision web-2 did not become Ready.');
  }
});

test('apply --wait of the spec that was set back succeeds, and accepts it', async () => {
  const marked = async () => {
    const { annotations = {} } = (await shell.server.client.get('Agent', at('web'))).metadata;
    return 'agentctl.dev/reverted' in annotations;
  };
  expect(await marked()).toBe(true);
  expect(await apply('web', 'good')).toMatchObject({ code: 0 });
  expect(await marked()).toBe(false);
});
