import { describe, expect, test } from 'vitest';
import type { AgentSpec } from '../../src/api/objects.ts';
import type { ControlView, TalkView } from '../../src/plan/world.ts';
import { Story } from './story.ts';
import { minute, specOf, talkOf, worldOf } from './worlds.ts';

const told = (status: ControlView['status'], message = 'It says so.'): ControlView => ({
  status,
  reason: `Says${status}`,
  message,
});

const permissions = (more: Partial<NonNullable<AgentSpec['permissions']>> = {}): Partial<AgentSpec> => ({
  permissions: { default: 'Ask', timeout: '10m', unenforced: 'Refuse', ...more },
});

const ready = (spec: Partial<AgentSpec>): Story =>
  Story.ready({ spec: { protocol: 'acp', fleetAccess: 'None', ...spec } as never });

/** Sets what each instance tells; undefined: it is not talked to. */
const tell = (story: Story, ...controls: (TalkView['controls'] | undefined)[]): Story =>
  story
    .set(({ instances, now }) => ({
      instances: instances.map((view, at) => {
        const found = controls[at];
        const run = view.object.status?.run?.number ?? 0;
        return {
          ...view,
          talk: found === undefined ? undefined : talkOf({ run, since: now, controls: found }),
        };
      }),
    }))
    .rest();

const shown = (conditions: { type: string; status: string; message: string }[] = []): string[] =>
  conditions
    .filter(({ type }) => !['Accepted', 'Progressing', 'Reconciling', 'Ready', 'Drifted'].includes(type))
    .map(({ type, status, message }) => `${type} ${status} ${message}`);
const ofAgent = (story: Story): string[] => shown(story.world.agent.status?.conditions);
const ofInstance = (story: Story): string[] => shown(story.status().conditions);

describe('the controls of an agent', () => {
  test('are conditions of its Instance and of the Agent', () => {
    const spec = { model: 'm', systemPrompt: 'You are.', fleetAccess: 'Peers' as const };
    const story = tell(ready(spec), {
      ModelApplied: told('True'),
      SystemPromptApplied: told('False'),
      FleetAccessible: told('Unknown'),
    });
    expect(ofInstance(story)).toEqual([
      'SystemPromptApplied False It says so.',
      'ModelApplied True It says so.',
      'FleetAccessible Unknown It says so.',
    ]);
    expect(ofAgent(story)).toEqual([
      'SystemPromptApplied False web-0: It says so.',
      'ModelApplied True It says so.',
      'FleetAccessible Unknown web-0: It says so.',
    ]);
  });

  test('that it has not told of are no conditions', () => {
    expect(ofInstance(tell(ready({ model: 'm', ...permissions() }), {}))).toEqual([]);
  });

  test('are for the Agent the worst of its instances', () => {
    const story = tell(
      ready({ model: 'm', replicas: 3 }),
      { ModelApplied: told('True') },
      { ModelApplied: told('False', 'No.') },
      { ModelApplied: told('Unknown') },
    );
    expect(ofAgent(story)).toEqual(['ModelApplied False web-1: No.']);
    tell(
      story,
      { ModelApplied: told('True') },
      { ModelApplied: told('Unknown') },
      { ModelApplied: told('True') },
    );
    expect(ofAgent(story)).toEqual(['ModelApplied Unknown web-1: It says so.']);
  });

  test('hold while nobody talks to it, as while it sleeps or the controller comes up', () => {
    const story = tell(ready({ model: 'm' }), { ModelApplied: told('False') });
    const before = story.status().conditions;
    tell(story, undefined);
    expect(story.status().conditions).toBe(before);
    story.happen({ is: 'Talk', at: 0, state: 'Connecting' }).rest();
    expect(story.status().conditions).toBe(before);
    story.happen({ is: 'Spec', spec: { suspend: true } }).rest();
    expect(ofAgent(story)).toEqual(['ModelApplied False web-0: It says so.']);
  });

  test.each<[string, Partial<AgentSpec>, Partial<AgentSpec>, keyof TalkView['controls']]>([
    ['model', { model: 'm' }, { model: undefined as never }, 'ModelApplied'],
    ['systemPrompt', { systemPrompt: 's' }, { systemPrompt: undefined as never }, 'SystemPromptApplied'],
    ['permissions', permissions(), { permissions: undefined as never }, 'PermissionsEnforced'],
    ['fleetAccess', { fleetAccess: 'Manage' }, { fleetAccess: 'None' }, 'FleetAccessible'],
  ])('are dropped once the spec does not say %s any more', (_what, spec, without, control) => {
    const story = tell(ready(spec), { [control]: told('True') });
    expect(ofInstance(story)).toHaveLength(1);
    tell(story.happen({ is: 'Spec', spec: without }), { [control]: told('True') });
    expect(ofInstance(story)).toEqual([]);
    expect(ofAgent(story)).toEqual([]);
  });

  test('move lastTransitionTime only with their status', () => {
    const story = tell(ready({ model: 'm' }), { ModelApplied: told('True') });
    const time = () =>
      story.status().conditions?.find(({ type }) => type === 'ModelApplied')?.lastTransitionTime;
    const first = time();
    tell(story.pass(minute), { ModelApplied: told('True', 'Still.') });
    expect(time()).toBe(first);
    tell(story, { ModelApplied: told('False') });
    expect(time()).not.toBe(first);
  });
});

describe('permissions that an agent cannot be held to', () => {
  const unenforced = (spec: Partial<AgentSpec>): Story =>
    ready(spec).forget().happen({ is: 'Talk', at: 0, state: 'Ready', unenforced: true }).rest();

  test('stop it, and give it up with the remedy', () => {
    const story = unenforced(permissions());
    expect(story.actions).toMatchObject([{ type: 'Signal', cause: 'PermissionsNotEnforced' }]);
    expect(story.status()).toMatchObject({
      phase: 'Failed',
      reason: 'PermissionsNotEnforced',
      message:
        'Its permissions cannot be enforced: It never asks. Set spec.permissions.unenforced: Accept, or configure the agent to ask, then run agentctl resume web.',
    });
    expect(story.status().failures ?? 0).toBe(0);
    expect(story.told.filter((reason) => reason === 'Failed')).toEqual(['Failed']);
    expect(story.pass(10 * minute).did).toHaveLength(1);
  });

  test.each<[string, Partial<AgentSpec>]>([
    ['everything is allowed', permissions({ default: 'Allow' })],
    ['it is accepted', permissions({ default: 'Deny', unenforced: 'Accept' })],
    ['the spec has none', {}],
  ])('do not stop it where %s', (_what, spec) => {
    const story = unenforced(spec);
    expect(story.did).toEqual([]);
    expect(story.status().phase).toBe('Ready');
  });

  test('stop it for one rule that denies', () => {
    const rules = [{ toolKind: 'execute', action: 'Deny' } as const];
    expect(unenforced(permissions({ default: 'Allow', rules })).status().phase).toBe('Failed');
  });

  test('are forgiven by a spec that accepts it', () => {
    const story = unenforced(permissions()).forget();
    story.happen({ is: 'Spec', spec: permissions({ unenforced: 'Accept' }) }).rest();
    expect(story.did).toContain('Start/web-0');
    expect(story.told).toContain('Resumed');
  });

  test.each<[string, (story: Story) => Story]>([
    ['agentctl resume', (story) => story.happen({ is: 'Resume' })],
    ['a new spec', (story) => story.happen({ is: 'Image', image: 'web:2' })],
  ])('are tried once more after %s', (_what, clear) => {
    const story = clear(unenforced(permissions()).forget()).rest();
    expect(story.did).toContain('Start/web-0');
    story.happen({ is: 'Talk', at: 0, state: 'Ready', unenforced: true }).rest();
    expect(story.status()).toMatchObject({ phase: 'Failed', reason: 'PermissionsNotEnforced' });
  });
});

describe('permissions with a protocol that never asks', () => {
  test.each(['none', 'jsonl'] as const)('are refused for %s, with what to do', (protocol) => {
    const spec = { protocol, ...permissions() };
    const story = new Story(worldOf({ spec: spec as never })).rest();
    expect(story.did).toEqual([]);
    expect(story.status()).toMatchObject({ phase: 'Pending', reason: 'PermissionsNotEnforceable' });
    expect(story.status().message).toContain('spec.permissions.unenforced: Accept');
  });

  test.each<[string, AgentSpec['protocol'], Partial<AgentSpec>]>([
    ['everything is allowed', 'jsonl', permissions({ default: 'Allow' })],
    ['it is accepted', 'jsonl', permissions({ unenforced: 'Accept' })],
    ['the protocol asks', 'acp', permissions()],
    ['there are none', 'none', {}],
  ])('are taken where %s', (_what, protocol, spec) => {
    const world = worldOf({ spec: specOf({ protocol, ...spec } as never) as never });
    expect(new Story(world).rest().did).toEqual(['Start/web-0']);
  });
});
