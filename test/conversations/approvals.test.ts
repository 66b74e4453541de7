import { describe, expect, test } from 'vitest';
import type { AgentSpec } from '../../src/api/objects.ts';
import type { Approval } from '../../src/messages/message.ts';
import { AcpPuppet } from './acp-puppet.ts';
import { key, type Stage, stage } from './stage.ts';

const call = { toolCallId: 't1', title: 'touch made', kind: 'execute', rawInput: { command: 'touch made' } };
const yes = { outcome: { outcome: 'selected', optionId: 'y' } };
const no = { outcome: { outcome: 'selected', optionId: 'n' } };
const cancelled = { outcome: { outcome: 'cancelled' } };

async function working(spec: Partial<AgentSpec> = {}) {
  const puppet = new AcpPuppet();
  const permissions = { default: 'Ask' as const, rules: [] };
  const at = await stage({ acp: { agent: puppet.agent, spec: { permissions, ...spec } } });
  const { id } = await at.send('acp', 'hi');
  await at.world.until(() => puppet.prompts.length === 1);
  const asked = async (state: Approval['state'] = 'Pending'): Promise<Approval> => {
    const found = (): Approval | undefined =>
      at.world.house.journal.approvals().find((one) => one.state === state);
    await at.world.until(() => found() !== undefined);
    return found() ?? raise('there is none');
  };
  const decide = async (state: 'Approved' | 'Denied', option?: string): Promise<void> =>
    at.world.talk.approvals.decide((await asked()).id, 'default', state, { by: 'me', option });
  const restarted = async (): Promise<void> => {
    await at.world.house.restart();
    await at.ready(1);
  };
  return { ...at, id, puppet, asked, decide, restarted };
}

const control = ({ world }: Stage) =>
  world.house.instance('acp-0')?.status?.conditions?.find(({ type }) => type === 'PermissionsEnforced');
const raise = (what: string): never => {
  throw new Error(what);
};
const done = (puppet: AcpPuppet, status: string, toolCallId = 't1'): void =>
  puppet.update({ sessionUpdate: 'tool_call_update', toolCallId, status });

describe('a tool that must be asked about', () => {
  test.each(['failed', undefined])(
    'and is used without, breaks the message off where it ended %s',
    async (status) => {
      await using at = await working();
      at.puppet.update({ sessionUpdate: 'tool_call', ...call, status: 'in_progress' });
      if (status !== undefined) done(at.puppet, status);
      at.puppet.end();
      expect(await at.end(at.id)).toMatchObject({ state: 'Failed', reason: 'PermissionsNotEnforced' });
      await at.world.until(() => control(at)?.reason === 'ToolUsedWithoutAsking');
    },
  );

  test('and is a change of a file that fails, breaks nothing off, and is told', async () => {
    await using at = await working();
    at.puppet.update({ sessionUpdate: 'tool_call', ...call, kind: 'edit' });
    done(at.puppet, 'failed');
    at.puppet.end();
    expect(await at.end(at.id)).toMatchObject({ state: 'Completed' });
    await at.world.until(() => control(at)?.reason === 'ToolFailedWithoutAsking');
    expect(control(at)).toMatchObject({ status: 'Unknown' });
  });

  test.each([
    ['Approved', yes, 'completed'],
    ['Denied', no, 'failed'],
    ['Denied', no, 'completed'],
  ] as const)(
    'and is asked about under another id, is used as it was decided: %s',
    async (state, answer, end) => {
      await using at = await working();
      at.puppet.update({ sessionUpdate: 'tool_call', ...call, status: 'pending' });
      at.puppet.ask(9, { toolCallId: 'interrupt-9', title: 'Execute: `touch made`' });
      await at.decide(state);
      await at.world.until(() => at.puppet.told(9).length > 0);
      expect(at.puppet.told(9)).toEqual([answer]);
      done(at.puppet, end);
      at.puppet.end();
      expect(await at.end(at.id)).toMatchObject({ state: 'Completed' });
      await at.world.until(() => control(at)?.status === 'True');
    },
  );

  test('and was asked about under another id before a restart of the controller, was asked about', async () => {
    await using at = await working();
    at.puppet.ask(9, { toolCallId: 'interrupt-9', title: 'execute' });
    await at.asked();
    await at.restarted();
    await at.decide('Approved');
    at.puppet.update({ sessionUpdate: 'tool_call', ...call, status: 'in_progress' });
    done(at.puppet, 'completed');
    at.puppet.end();
    expect(await at.end(at.id)).toMatchObject({ state: 'Completed' });
  });

  test.each(['execute', 'switch_mode'])(
    'but not again after an option that allows it always, of the kind %s, may be used without',
    async (kind) => {
      await using at = await working();
      at.puppet.ask(9, { ...call, kind }, [{ optionId: 'a', name: 'Always', kind: 'allow_always' }]);
      await at.decide('Approved', 'always');
      await at.world.until(() => at.puppet.told(9).length > 0);
      expect(at.puppet.told(9)).toEqual([{ outcome: { outcome: 'selected', optionId: 'a' } }]);
      at.puppet.update({ sessionUpdate: 'tool_call', ...call, toolCallId: 't2', status: 'completed' });
      at.puppet.end();
      expect(await at.end(at.id)).toMatchObject({ state: 'Completed' });
      expect(await at.asked('Approved')).toMatchObject({ option: 'a', by: 'me' });
    },
  );

  test('of which the kind is not said is judged by the stricter rule', async () => {
    const rules = [{ toolKind: 'other' as const, action: 'Allow' as const }];
    await using at = await working({
      permissions: { default: 'Ask', rules, timeout: '10m', unenforced: 'Refuse' },
    });
    at.puppet.ask(9, { toolCallId: 'i', title: 'run', rawInput: { command: 'rm -rf /' } });
    expect(await at.asked()).toMatchObject({ toolKind: 'execute', title: 'run', request: 'rm -rf /' });
  });
});

test('agentctl’s own tools are not put to people, and need not be asked about', async () => {
  await using at = await working({ fleetAccess: 'Peers' });
  at.puppet.ask(9, { toolCallId: 't1', title: 'agentctl_list_agents', kind: 'other', rawInput: {} });
  await at.world.until(() => at.puppet.told(9).length > 0);
  expect(at.puppet.told(9)).toEqual([yes]);
  for (const [status, toolCallId] of [
    ['completed', 't2'],
    ['failed', 't3'],
  ] as const)
    at.puppet.update({
      sessionUpdate: 'tool_call',
      toolCallId,
      title: 'agentctl_list_agents',
      kind: 'other',
      status,
    });
  at.puppet.end();
  expect(await at.end(at.id)).toMatchObject({ state: 'Completed' });
  expect(at.world.house.journal.approvals()).toEqual([]);
});

describe('a turn that the agent ends as cancelled after a denial', () => {
  test('has failed, and is not sent again', async () => {
    await using at = await working();
    at.puppet.ask(9, call);
    await at.decide('Denied');
    await at.world.until(() => at.puppet.told(9).length > 0);
    at.puppet.answer(at.puppet.prompts[0] ?? raise('no prompt'), { stopReason: 'cancelled' });
    expect(await at.end(at.id)).toMatchObject({ state: 'Failed', reason: 'PermissionDenied', attempts: 1 });
    expect(at.message(at.id)?.error).toContain('touch made');
    await at.pass(5_000);
    expect(at.puppet.prompts).toHaveLength(1);
  });

  test('has so after a restart of the controller too, and where a rule or the timeout has denied', async () => {
    await using at = await working({
      permissions: { default: 'Deny', rules: [], timeout: '10m', unenforced: 'Refuse' },
    });
    at.puppet.ask(9, call);
    await at.world.until(() => at.puppet.told(9).length > 0);
    await at.restarted();
    at.puppet.answer(at.puppet.prompts[0] ?? raise('no prompt'), { stopReason: 'cancelled' });
    expect(await at.end(at.id)).toMatchObject({ state: 'Failed', reason: 'PermissionDenied', attempts: 1 });
  });
});

describe('what is asked in a turn', () => {
  test.each(['at once', 'after a restart of the controller'])(
    'is withdrawn with the message, %s',
    async (when) => {
      await using at = await working();
      at.puppet.ask(9, call);
      const { id } = await at.asked();
      if (when !== 'at once') await at.restarted();
      await at.world.talk.cancel(key(at.id));
      await expect(
        at.world.talk.approvals.decide(id, 'default', 'Approved', { by: 'me' }),
      ).rejects.toMatchObject({ code: 'Conflict' });
      expect(await at.asked('Cancelled')).toMatchObject({ id });
      await at.world.until(() => at.puppet.told(9).length > 0 && at.puppet.of('session/cancel').length > 0);
      await at.pass(3_000);
      expect(at.puppet.told(9)).toEqual([cancelled]);
      at.puppet.end();
      expect(await at.end(at.id)).toMatchObject({ state: 'Failed', reason: 'Cancelled' });
    },
  );

  test('is withdrawn too where the message is cancelled before its run is connected to again', async () => {
    await using at = await working();
    at.puppet.ask(9, call);
    await at.asked();
    await at.world.house.restart();
    await at.world.talk.cancel(key(at.id));
    await at.ready(1);
    await at.world.until(() => at.puppet.told(9).length > 0 && at.puppet.of('session/cancel').length > 0);
    expect(at.puppet.told(9)).toEqual([cancelled]);
    expect(await at.asked('Cancelled')).toBeDefined();
  });

  test('has expired once its message has ended', async () => {
    await using at = await working();
    at.puppet.ask(9, call);
    await at.asked();
    at.puppet.end();
    expect(await at.end(at.id)).toMatchObject({ state: 'Completed' });
    const { id } = await at.asked('Expired');
    await expect(
      at.world.talk.approvals.decide(id, 'default', 'Approved', { by: 'me' }),
    ).rejects.toMatchObject({ code: 'Conflict' });
  });

  test('is answered once, however often the controller is restarted', async () => {
    await using at = await working();
    at.puppet.ask(9, call);
    await at.decide('Approved');
    await at.world.until(() => at.world.house.journal.approvals()[0]?.told === true);
    await at.restarted();
    await at.pass(3_000);
    await at.restarted();
    await at.pass(3_000);
    expect(at.puppet.told(9)).toEqual([yes]);
  });
});

describe('a change of the permissions', () => {
  const ask = { default: 'Ask' as const, timeout: '10m', unenforced: 'Refuse' as const };
  const permissions = (...rules: { toolKind: 'execute' | 'other' | 'edit'; action: 'Allow' | 'Deny' }[]) => ({
    ...ask,
    rules,
  });
  const change = async (at: Stage, to: NonNullable<AgentSpec['permissions']>): Promise<void> => {
    await at.world.agent('acp', { permissions: to });
  };

  test.each([
    ['Allow', 'Approved', yes],
    ['Deny', 'Denied', no],
  ] as const)('decides what waits: by %s it is %s', async (action, state, answer) => {
    await using at = await working();
    at.puppet.ask(9, call);
    await at.asked();
    await change(at, permissions({ toolKind: 'execute', action }));
    expect(await at.asked(state)).toMatchObject({
      by: 'spec.permissions',
      why: `The Agent's permissions were changed: ${action} for tools of the kind execute.`,
      option: answer.outcome.optionId,
    });
    await at.world.until(() => at.puppet.told(9).length > 0);
    expect(at.puppet.told(9)).toEqual([answer]);
  });

  test('decides nothing of another kind, or of one that is guessed and not allowed as other', async () => {
    await using at = await working();
    at.puppet.ask(9, { toolCallId: 'i', title: 'run', rawInput: { command: 'ls' } });
    await at.asked();
    await change(at, permissions({ toolKind: 'edit', action: 'Allow' }));
    await change(at, permissions({ toolKind: 'execute', action: 'Allow' }));
    await at.pass(2_000);
    expect(at.puppet.told(9)).toEqual([]);
    await change(
      at,
      permissions({ toolKind: 'execute', action: 'Allow' }, { toolKind: 'other', action: 'Allow' }),
    );
    expect(await at.asked('Approved')).toMatchObject({ by: 'spec.permissions' });
  });
});

describe('an option', () => {
  test('that the request does not have is refused, and so is one of the other decision', async () => {
    await using at = await working();
    at.puppet.ask(9, call);
    for (const option of ['n', 'no', 'other'])
      await expect(at.decide('Approved', option)).rejects.toMatchObject({
        code: 'BadRequest',
        message: expect.stringContaining('y (yes)'),
      });
    await at.decide('Denied', 'NO');
    await at.world.until(() => at.puppet.told(9).length > 0);
    expect(at.puppet.told(9)).toEqual([no]);
  });
});

describe('a decision', () => {
  const decide = (at: Stage, id: string, namespace = 'default') =>
    at.world.talk.approvals.decide(id, namespace, 'Approved', { by: 'me' });

  test('about what is not there, or is in another namespace, is not found', async () => {
    await using at = await working();
    at.puppet.ask(9, call);
    const { id } = await at.asked();
    await expect(decide(at, 'p-none')).rejects.toMatchObject({
      code: 'NotFound',
      message: 'approvals "p-none" not found',
    });
    await expect(decide(at, id, 'elsewhere')).rejects.toMatchObject({ code: 'NotFound' });
    expect(await at.asked()).toMatchObject({ id });
  });

  test('that comes second is told the first, and who made it', async () => {
    await using at = await working();
    at.puppet.ask(9, call);
    const { id } = await at.asked();
    const first = at.world.talk.approvals.decide(id, 'default', 'Denied', { by: 'you' });
    await expect(decide(at, id)).rejects.toMatchObject({ message: `Approval ${id} is decided already.` });
    await first;
    await expect(decide(at, id)).rejects.toMatchObject({
      code: 'Conflict',
      message: `Approval ${id} is Denied already, by you.`,
    });
  });

  test('that nobody makes in time has expired, and the agent is told no', async () => {
    await using at = await working({
      permissions: { default: 'Ask', rules: [], timeout: '1m', unenforced: 'Refuse' },
    });
    at.puppet.ask(9, call);
    await at.asked();
    await at.pass(59_000);
    expect(at.puppet.told(9)).toEqual([]);
    await at.pass(2_000);
    expect(await at.asked('Expired')).toBeDefined();
    expect(at.puppet.told(9)).toEqual([no]);
    at.puppet.answer(at.puppet.prompts[0] ?? raise('no prompt'), { stopReason: 'cancelled' });
    expect(await at.end(at.id)).toMatchObject({
      reason: 'PermissionDenied',
      error: 'Permission was not given in time, and the agent broke its turn off: touch made',
    });
  });
});

describe('a request', () => {
  test('is told as an Event with the commands that decide, and as events of its message', async () => {
    await using at = await working();
    const heard: string[] = [];
    at.world.house.controller.recorder.onEvent((about, { type, reason, message }) => {
      if (reason === 'ApprovalNeeded') heard.push(`${about.kind} ${type} ${message}`);
    });
    at.puppet.ask(9, call);
    const { id } = await at.asked();
    await at.decide('Approved');
    await at.world.until(() => heard.length === 1);
    expect(id).toMatch(/^p-[0-9a-f]{10}$/);
    expect(heard).toEqual([
      `Instance Normal It asks for permission: touch made. Decide with agentctl approve ${id} or agentctl deny ${id}.`,
    ]);
    const told = at.world.house.journal.events(at.id).map(({ event }) => event);
    const about = { type: 'approval', id, title: 'touch made' };
    expect(told).toContainEqual(expect.objectContaining({ ...about, state: 'Pending' }));
    expect(told).toContainEqual(expect.objectContaining({ ...about, state: 'Approved' }));
  });

  test('is denied while a hundred others of its instance wait, and that is told', async () => {
    await using at = await working();
    const heard: string[] = [];
    at.world.house.controller.recorder.onEvent((_, { type, reason, message }) => {
      if (reason === 'TooManyApprovals') heard.push(`${type} ${message}`);
    });
    const waiting = () =>
      at.world.house.journal.approvals().filter(({ state }) => state === 'Pending').length;
    for (let n = 1; n <= 101; n += 1) at.puppet.ask(n, { ...call, toolCallId: `t${n}` });
    await at.world.until(() => at.puppet.told(101).length > 0);
    expect(at.puppet.told(101)).toEqual([no]);
    await at.world.until(() => waiting() === 100);
    await at.world.until(() => heard.length > 0);
    expect(heard).toEqual([
      'Warning 100 of its requests wait for a decision: further ones are denied until some are decided.',
    ]);
    const told = at.world.house.journal.events(at.id).map(({ event }) => event);
    expect(told).toContainEqual(
      expect.objectContaining({
        type: 'approval',
        title: 'touch made (100 others wait for a decision already)',
        state: 'Denied',
      }),
    );
    await at.decide('Approved');
    await at.world.until(() => waiting() === 99);
    at.puppet.ask(200, { ...call, toolCallId: 't200' });
    await at.world.until(() => waiting() === 100);
  });
});
