import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AgentSpec } from '../../src/api/objects.ts';
import { type AgentObjects, agentView } from '../../src/views/agent-view.ts';
import { agentOf, instanceOf, policyOf, readyStatus, revisionOf, runtimeOf, start } from '../plan/worlds.ts';
import { conversationOf, messageOf } from './objects.ts';

const agent = agentOf();
const viewOf = (more: Partial<AgentObjects> = {}) =>
  agentView({ agent, instances: [], revisions: [], ...more });

describe('the Runtime of an agent', () => {
  const condition = {
    type: 'Ready',
    status: 'False' as const,
    lastTransitionTime: '2026-01-31T12:00:00Z',
    reason: 'Unreachable',
    message: 'The engine does not answer.',
  };
  const docker = { ...runtimeOf(), status: { version: 'Docker 29', conditions: [condition] } };

  test.each([
    ['is unknown until the controller has chosen one for an image', {}, undefined, { name: undefined }],
    [
      'is process without an image',
      { template: { command: ['true'] } },
      runtimeOf({ driver: 'process' }, 'process'),
      {
        name: 'process',
        driver: 'process',
      },
    ],
    ['has no driver if it does not exist', { runtimeRef: { name: 'gone' } }, undefined, { name: 'gone' }],
    [
      'says whether it is ready',
      { runtimeRef: { name: 'docker' } },
      docker,
      {
        name: 'docker',
        driver: 'docker',
        version: 'Docker 29',
        ready: condition,
      },
    ],
  ])('%s', (_, spec, runtime, expected) => {
    expect(
      viewOf({ agent: { ...agent, spec: { ...agent.spec, ...(spec as AgentSpec) } }, runtime }).runtime,
    ).toEqual(expected); // its other fields are there
  });
});

describe('the policy of an agent', () => {
  const own = { ...agent, spec: { ...agent.spec, policy: policyOf({ restart: { on: 'Never' } }) } };
  const referring = { ...agent, spec: { ...agent.spec, policyRef: { name: 'slow' } } };

  test('has the defaults for what it leaves out', () => {
    expect(viewOf().policy).toEqual({ from: 'Default', rules: policyOf() });
    expect(viewOf({ agent: own }).policy).toEqual({ from: 'Own', rules: own.spec.policy });
  });

  test('has no rules if the Policy does not exist', () => {
    expect(viewOf({ agent: referring }).policy).toEqual({ from: 'Policy', name: 'slow' });
  });
});

test('the instances of an earlier agent of the same name are not those of the agent', () => {
  const other = instanceOf({}, 0);
  const instances = [
    instanceOf({}, 1),
    { ...other, spec: { ...other.spec, agentUID: 'earlier' } },
    instanceOf({}, 0),
  ];
  expect(viewOf({ instances }).instances.map(({ metadata }) => metadata.name)).toEqual(['web-0', 'web-1']);
});

test('drift names the instance, the field, and what the change does', () => {
  const made = revisionOf(agent);
  const owner = { apiVersion: 'agentctl.dev/v1', kind: 'Agent', name: 'web', uid: agent.metadata.uid };
  const revision = { ...made, metadata: { ...made.metadata, ownerReferences: [owner] } };
  const instances = [
    instanceOf(readyStatus({ run: { number: 1, revision: revision.metadata.name, claimedAt: '' } })),
  ];
  const changed = { ...agent, spec: { ...agent.spec, template: { ...agent.spec.template, image: 'web:2' } } };
  expect(viewOf({ instances, revisions: [revision] }).drift).toEqual([]);
  expect(viewOf({ agent: changed, instances, revisions: [revision] }).drift).toEqual([
    { instance: 'web-0', path: 'spec.template.image', before: 'web:1', after: 'web:2', update: 'restart' },
  ]);
});

test('messages are counted by what they wait for, and a prompt has its next time', () => {
  const schedule = [
    { name: 'daily', cron: '0 15 * * *', timezone: 'UTC', prompt: 'go', suspend: false },
    { name: 'off', cron: '0 15 * * *', timezone: 'UTC', prompt: 'go', suspend: true },
  ] as unknown as NonNullable<AgentSpec['schedule']>; // with the fields that count here
  const states = ['Pending', 'Delivered', 'Acknowledged', 'Completed', 'Failed', 'Expired'] as const;
  const messages = [messageOf('m-0'), ...states.map((state) => messageOf(`m-${state}`, { state }))];
  const conversations = [
    conversationOf('c-1', { state: 'Open' }),
    conversationOf('c-2', { state: 'Closed' }),
  ];
  const { talk } = viewOf({
    agent: { ...agent, spec: { ...agent.spec, schedule } },
    talk: { messages, conversations, now: start },
  });
  expect(talk).toMatchObject({
    messages: { waiting: 2, inFlight: 2, completed: 1, failed: 2 },
    openConversations: 1,
    schedule: [
      { name: 'daily', nextAt: Date.parse('2026-03-02T15:00:00Z') },
      { name: 'off', nextAt: undefined },
    ],
  });
});

test('fed by changes one by one, in any order, a view is the one of the list', () => {
  const phases = ['Pending', 'Ready', 'BackOff', 'Failed'] as const;
  const instance = fc.record({ ordinal: fc.nat(4), phase: fc.constantFrom(...phases), isOwn: fc.boolean() });
  const message = fc.record({
    id: fc.nat(4),
    state: fc.constantFrom('Pending', 'Delivered', 'Completed', 'Failed'),
  });
  const deletion = fc.record({ gone: fc.nat(4) });
  fc.assert(
    fc.property(fc.array(fc.oneof(instance, message, deletion)), (changes) => {
      const instances = new Map<string, AgentObjects['instances'][number]>();
      const messages = new Map<string, ReturnType<typeof messageOf>>();
      const view = () =>
        viewOf({
          instances: [...instances.values()],
          talk: { messages: [...messages.values()], conversations: [], now: start },
        });
      let last = view();
      for (const change of changes) {
        if ('gone' in change) {
          instances.delete(`${change.gone}`);
          messages.delete(`${change.gone}`);
        } else if ('id' in change) {
          const state = change.state as 'Pending';
          messages.set(`${change.id}`, messageOf(`m-${change.id}`, { state }));
        } else {
          const made = instanceOf({ phase: change.phase }, change.ordinal);
          const agentUID = change.isOwn ? made.spec.agentUID : 'other';
          instances.set(`${change.ordinal}`, { ...made, spec: { ...made.spec, agentUID } });
        }
        last = view();
      }
      const byName = <T extends { metadata: { name: string } }>(all: Iterable<T>): T[] =>
        [...all].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
      expect(last).toEqual(
        viewOf({
          instances: byName(instances.values()),
          talk: { messages: byName(messages.values()), conversations: [], now: start },
        }),
      );
    }),
  );
});

test('a view leaves the objects as they are', () => {
  const instances = [instanceOf({}, 1), instanceOf({}, 0)];
  const before = structuredClone(instances);
  viewOf({ instances });
  expect(instances).toEqual(before);
});
