import { describe, expect, test } from 'vitest';
import type { AgentSpec, Runtime } from '../../src/api/objects.ts';
import { mustAsk, refusal } from '../../src/plan/accept.ts';
import { agentOf, policyOf, runtimeOf, runtimeViewOf, specOf, type WorldOptions, worldOf } from './worlds.ts';

const online = (spec: Partial<Runtime['spec']> = {}) => runtimeViewOf(runtimeOf(spec as never));
const scheduled = (schedule: object) => ({
  policy: policyOf({ scheduledRestart: schedule as never }),
});
const asking = { permissions: { default: 'Ask' } } as Partial<AgentSpec>;

describe('a spec that cannot be carried out', () => {
  test.each<[string, WorldOptions, string, string]>([
    [
      'names a Policy that is not there',
      { policy: { missing: 'calm' } },
      'PolicyMissing',
      'The Policy calm does not exist in the namespace default. Create it, or change spec.policyRef.',
    ],
    [
      'names a Runtime that is not there',
      { spec: { runtimeRef: { name: 'moon' } }, runtime: { missing: 'moon' } },
      'RuntimeMissing',
      'The Runtime moon does not exist. Create it, or change spec.runtimeRef. List all Runtimes with agentctl get runtimes.',
    ],
    [
      'has a command, and there is no Runtime for it',
      { spec: { template: { image: undefined as never, command: ['x'] } }, runtime: { missing: 'process' } },
      'RuntimeMissing',
      'The Runtime process does not exist. Create it, or change spec.runtimeRef. List all Runtimes with agentctl get runtimes.',
    ],
    [
      'has an image, and there is no Runtime for containers',
      { runtime: { missing: 'docker' } },
      'RuntimeMissing',
      'There is no Runtime for containers, and spec.template.image requires one. Create a Runtime with driver docker and the endpoint of your container engine. See agentctl explain runtime.spec.',
    ],
    [
      'is of a namespace that its Runtime does not accept',
      { runtime: online({ allowedNamespaces: ['shop', 'lab'] }) },
      'NamespaceNotAllowed',
      "The Runtime docker does not accept Agents of the namespace default. Add the namespace to the Runtime's spec.allowedNamespaces, or use another Runtime.",
    ],
    [
      'asks its Runtime for what that cannot do',
      { unsupported: ['a: it cannot', 'b: nor that'] },
      'UnsupportedByRuntime',
      'The Runtime docker does not support a: it cannot; b: nor that. Change these fields, or use another Runtime.',
    ],
    [
      'must ask, and has a protocol that cannot',
      { spec: { protocol: 'jsonl', ...asking } as never },
      'PermissionsNotEnforceable',
      'An agent with protocol jsonl uses tools without asking for permission, so Deny and Ask in spec.permissions cannot be enforced. Use protocol acp, allow every tool, or set spec.permissions.unenforced: Accept to run it anyway.',
    ],
    [
      'has a schedule of another version',
      scheduled({ cron: '61 * * * *' }),
      'InvalidSchedule',
      expect.stringMatching(/^scheduledRestart\.cron is "61 \* \* \* \*": write .+\.$/) as never,
    ],
    [
      'has a schedule in no time zone',
      scheduled({ cron: '0 4 * * *', timezone: 'Moon/Base' }),
      'InvalidSchedule',
      'scheduledRestart.timezone is "Moon/Base", which is not a time zone, such as Europe/Berlin.',
    ],
  ])('since it %s says why, and what to do', (_what, options, reason, message) => {
    expect(refusal(worldOf(options))).toEqual({ reason, message });
    expect(refusal(worldOf(options)), 'each time').toEqual({ reason, message });
  });

  test('names the Agent’s own namespace, or the default one', () => {
    const agent = agentOf({}, { namespace: 'shop' });
    const missing = { policy: { missing: 'calm' } };
    expect(refusal(worldOf({ agent, ...missing }))?.message).toContain('in the namespace shop.');
    const { namespace: _, ...metadata } = agent.metadata;
    const bare = { ...agent, metadata };
    expect(refusal(worldOf({ agent: bare, ...missing }))?.message).toContain('in the namespace default.');
  });

  test.each<[string, WorldOptions]>([
    ['all is there', {}],
    ['its namespace is accepted', { runtime: online({ allowedNamespaces: ['shop', 'default'] }) }],
    ['it must ask, and can', { spec: { protocol: 'acp', ...asking } as never }],
    ['its schedule is right', scheduled({ cron: '0 4 * * *', timezone: 'Europe/Berlin' })],
    ['its schedule is by age', scheduled({ every: '24h' })],
  ])('is none where %s', (_what, options) => {
    expect(refusal(worldOf(options))).toBeUndefined();
  });
});

describe('an agent must ask before it uses a tool', () => {
  const rules = (...actions: string[]) => actions.map((action) => ({ tool: '*', action }));
  test.each<[object | undefined, boolean]>([
    [undefined, false],
    [{ default: 'Allow' }, false],
    [{ default: 'Ask' }, true],
    [{ default: 'Deny' }, true],
    [{ default: 'Allow', rules: rules('Allow', 'Allow') }, false],
    [{ default: 'Allow', rules: rules('Allow', 'Deny') }, true],
    [{ default: 'Allow', rules: rules('Ask', 'Allow') }, true],
    [{ default: 'Deny', unenforced: 'Accept' }, false],
    [{ default: 'Deny', unenforced: 'Stop' }, true],
  ])('with %o: %s', (permissions, expected) => {
    const spec = { ...specOf(), ...(permissions === undefined ? {} : { permissions }) } as AgentSpec;
    expect(mustAsk(spec)).toBe(expected);
  });
});
