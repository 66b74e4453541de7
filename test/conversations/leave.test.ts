import { expect, test } from 'vitest';
import type { Approval } from '../../src/messages/message.ts';
import { AcpPuppet } from './acp-puppet.ts';
import { type Stage, stage } from './stage.ts';

const tool = { toolCallId: 't', title: 'look', kind: 'read' };

async function working(rules: { toolKind: 'read'; action: 'Allow' }[] = []) {
  const puppet = new AcpPuppet();
  const permissions = { default: 'Ask' as const, rules };
  const at = await stage({ acp: { agent: puppet.agent, spec: { permissions } } });
  const { id } = await at.send('acp', 'hi');
  await at.world.until(() => puppet.prompts.length === 1);
  return { ...at, id, puppet };
}

const pending = ({ world }: Stage): Approval | undefined => world.house.journal.approvals()[0];

test('a decision that is made while the pipes are being opened again is told once they are', async () => {
  await using at = await working();
  at.puppet.ask(77, tool);
  await at.world.until(() => pending(at)?.state === 'Pending');
  at.world.house.engine.loseStreams();
  await at.world.house.rest();
  await at.world.talk.approvals.decide(pending(at)?.id ?? '', 'default', 'Approved', { by: 'me' });
  await at.world.until(() => at.puppet.told(77).length > 0);
  expect(at.puppet.told(77)).toMatchObject([{ outcome: { outcome: 'selected', optionId: 'y' } }]);
  await at.pass(5_000);
  expect(at.puppet.told(77)).toHaveLength(1);
});

test('nobody is asked any more for an instance that is gone', async () => {
  await using at = await working();
  at.puppet.ask(77, tool);
  await at.world.until(() => pending(at)?.state === 'Pending');
  await at.world.agent('acp', { replicas: 0, permissions: { default: 'Ask' } });
  await at.world.until(() => at.world.house.instance('acp-0') === undefined);
  await at.world.until(() => pending(at)?.state === 'Cancelled');
});

test('a tool that is allowed and was begun before a restart of the controller breaks nothing off', async () => {
  await using at = await working([{ toolKind: 'read', action: 'Allow' }]);
  at.puppet.update({ sessionUpdate: 'tool_call', ...tool, status: 'in_progress' });
  await at.world.until(() => at.world.house.journal.events(at.id).length > 0);
  await at.world.house.restart();
  await at.ready(1);
  at.puppet.update({ sessionUpdate: 'tool_call_update', toolCallId: 't', status: 'completed' });
  await at.world.until(() => at.world.house.journal.events(at.id).length > 1);
  at.puppet.end();
  expect(await at.end(at.id)).toMatchObject({ state: 'Completed' });
});

test('a tool that is used without asking, though people should decide, breaks the turn off', async () => {
  await using at = await working();
  at.puppet.update({
    sessionUpdate: 'tool_call',
    ...tool,
    title: 'x'.repeat(3_000_000),
    status: 'completed',
  });
  await at.world.until(() => at.puppet.of('session/cancel').length === 1);
  at.puppet.answer(at.puppet.prompts[0] ?? raise(), { stopReason: 'cancelled' });
  expect(await at.end(at.id)).toMatchObject({ state: 'Failed', reason: 'PermissionsNotEnforced' });
  await at.world.until(() => condition(at)?.status === 'False');
  expect(condition(at)?.message?.length).toBeLessThan(2_000);
  expect(at.world.house.instance('acp-0')?.status?.message?.length ?? 0).toBeLessThan(3_000);
});

const condition = ({ world }: Stage) =>
  world.house.instance('acp-0')?.status?.conditions?.find(({ type }) => type === 'PermissionsEnforced');
const raise = (): never => {
  throw new Error('there is no prompt');
};
