import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Agent, Approval } from '../../src/api/objects.ts';
import type { List } from '../../src/client/resources.ts';
import { becomes, ready, reasonsOf } from './questions.ts';
import { eventually, type Session } from './support.ts';
import {
  asked,
  begun,
  fileOf,
  giveFile,
  messageOf,
  sent,
  type Talker,
  talker,
  talkStages,
} from './talking.ts';

const asking = { protocol: 'acp', env: { ASK: '1' } } as const;
const careless = { protocol: 'acp', env: { NEVER_ASK: '1' } } as const;

async function conditionOf(session: Session, agent: string, type: string) {
  const { status } = await session.json<Agent>(`get agent ${agent}`);
  return status?.conditions?.find((condition) => condition.type === type);
}

// Nothing of this is the Runtime's affair.
for (const stage of (await talkStages()).filter(({ name }) => name === 'process')) {
  describe(`leave to use tools, on ${stage.name}`, () => {
    let session: Session;
    let welcome = '';
    const effects = (name: string): Promise<string> => fileOf(session, stage, `${name}-0`, 'effects.log');
    const pendingOf = async (agent: string): Promise<Approval[]> =>
      (await session.json<List<Approval>>('get approvals')).items.filter(
        ({ spec, status }) => spec.agentRef.name === agent && status?.state === 'Pending',
      );
    const request = async (agent: string): Promise<string> => {
      const [approval] = await eventually(
        () => pendingOf(agent),
        (all) => all.length === 1,
      );
      return approval?.metadata.name ?? '';
    };
    beforeAll(async () => {
      session = await stage.open();
      const all: Talker[] = [
        { name: 'asks', ...asking, spec: '  permissions: { default: Ask }' },
        { name: 'hurried', ...asking, spec: '  permissions: { default: Ask, timeout: 1s }' },
        {
          name: 'ruled',
          ...asking,
          spec: '  permissions: { default: Allow, rules: [{ toolKind: execute, action: Deny }] }',
        },
        { name: 'careless', ...careless, spec: '  permissions: { default: Deny }' },
        { name: 'accepted', ...careless, spec: '  permissions: { default: Deny, unenforced: Accept }' },
      ];
      await begun(session, stage, ...all);
      await session.apply(talker(stage, { name: 'guest', protocol: 'acp', env: { AUTH: '1' } }));
      await becomes(session, 'guest', { phase: 'Pending', reason: 'AuthRequired' });
      welcome = await sent(session, 'guest', 'say welcome');
      await giveFile(session, stage, 'guest-0', 'token');
    });
    afterAll(() => session.end());

    test('what is approved is done, what is denied is not, and the turn goes on', async () => {
      const name = await sent(session, 'asks', 'effect paint\neffect burn\nsay done');
      await session.ok(`approve ${await request('asks')}`);
      await eventually(
        () => effects('asks'),
        (log) => log.includes('paint'),
      );
      await session.ok(`deny ${await request('asks')}`);
      const { status } = await eventually(
        () => messageOf(session, name),
        (message) => message.status?.endedAt !== undefined,
      );
      expect(status).toMatchObject({ state: 'Completed', answer: 'done' });
      expect(await effects('asks')).not.toContain('burn');
      expect(await reasonsOf(session, 'asks')).toContain('ApprovalNeeded');
      expect(await conditionOf(session, 'asks', 'PermissionsEnforced')).toMatchObject({ status: 'True' });
      expect((await session.run(['approve', 'p-none'])).code).toBe(1);
    });

    test('a request outlives the controller, and its decision reaches the agent', async () => {
      const name = await sent(session, 'asks', 'effect wait\nsay waited');
      const id = await request('asks');
      await session.ok('controller restart');
      await session.ok(`approve ${id}`);
      const { status } = await eventually(
        () => messageOf(session, name),
        (message) => message.status?.endedAt !== undefined,
      );
      expect(status).toMatchObject({ state: 'Completed', answer: 'waited', attempts: 1 });
      expect(await effects('asks')).toContain('wait');
      expect(await conditionOf(session, 'asks', 'PermissionsEnforced')).toMatchObject({ status: 'True' });
    });

    test('what nobody decides is denied, and what a rule denies is not asked', async () => {
      const [late, ruled] = await Promise.all([
        asked(session, 'hurried', 'effect late\nsay went on'),
        asked(session, 'ruled', 'effect forbidden\nsay went on'),
      ]);
      for (const { status } of [late, ruled])
        expect(status).toMatchObject({ state: 'Completed', answer: 'went on' });
      expect(await effects('hurried')).toBe('');
      expect(await effects('ruled')).toBe('');
      const { items } = await session.json<List<Approval>>('get approvals');
      const states = items.map(({ spec, status }) => `${spec.agentRef.name} ${status?.state}`);
      expect(states).toContain('hurried Expired');
      expect(states.join()).not.toContain('ruled');
    });

    test('an agent that never asks is not run on, unless the manifest accepts that', async () => {
      const first = await asked(session, 'careless', 'effect harm\nsleep 300\nsay done');
      expect(first.status).toMatchObject({ state: 'Failed', reason: 'PermissionsNotEnforced' });
      await becomes(session, 'careless', { phase: 'Failed', reason: 'PermissionsNotEnforced' });
      expect(await conditionOf(session, 'careless', 'PermissionsEnforced')).toMatchObject({
        status: 'False',
      });
      await session.ok('controller restart');
      await becomes(session, 'careless', { phase: 'Failed', reason: 'PermissionsNotEnforced' });
      const accepted = await asked(session, 'accepted', 'effect known\nsay done');
      expect(accepted.status).toMatchObject({ state: 'Completed', answer: 'done' });
      expect(await conditionOf(session, 'accepted', 'PermissionsEnforced')).toMatchObject({
        status: 'False',
        reason: 'ToolUsedWithoutAsking',
      });
    });

    test('one that wants a login is Pending AuthRequired, and is asked again until it has it', async () => {
      await ready(session, 'guest', 1, 35_000); // every 30 s
      const { status } = await eventually(
        () => messageOf(session, welcome),
        (message) => message.status?.endedAt !== undefined,
      );
      expect(status).toMatchObject({ state: 'Completed', answer: 'welcome' });
    });
  });
}
