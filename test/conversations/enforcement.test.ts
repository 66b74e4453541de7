import { describe, expect, test } from 'vitest';
import type { AgentSpec } from '../../src/api/objects.ts';
import { Enforcement } from '../../src/conversations/enforcement.ts';
import type { Link } from '../../src/conversations/link.ts';
import type { Open } from '../../src/conversations/open-message.ts';
import type { Context } from '../../src/conversations/ports.ts';
import type { Approval } from '../../src/messages/message.ts';
import type { ToolUse } from '../../src/protocols/turn-events.ts';
import { approval, message } from '../messages/entries.ts';
import { specOf } from '../plan/worlds.ts';

const asks = {
  status: 'True',
  reason: 'Asks',
  message: 'The agent asks for permission before it uses a tool.',
};

type Permissions = NonNullable<AgentSpec['permissions']>;

const asking: Permissions = {
  default: 'Ask',
  rules: [{ toolKind: 'read', action: 'Allow' }],
  timeout: '10m',
  unenforced: 'Refuse',
};

/** A run whose spec puts tools of the kind execute to people, and allows reading. */
function setUp({ approvals = [] as Approval[], permissions = asking as Permissions | 'None' } = {}) {
  const target = { namespace: 'default', agent: 'a', instance: 'a-0', uid: 'a-uid', run: 2 };
  const link = { target } as unknown as Link; // no more of it is read
  const open = { message: message('m') } as unknown as Open; // no more of it is read
  let changes = 0;
  const context = {
    journal: {
      approvals: ({ namespace, agent }: { namespace: string; agent: string }) =>
        approvals.filter((one) => one.namespace === namespace && one.agent === agent),
    },
    agent: () => ({ spec: specOf(permissions === 'None' ? {} : { permissions }) }),
    enqueue: () => {
      changes += 1;
    },
  };
  const enforcement = new Enforcement(context as unknown as Context); // no more of it is read
  const use = (more: Partial<ToolUse> = {}): boolean =>
    enforcement.used(link, open, {
      ...{
        toolCallId: 't',
        title: 'touch made',
        kind: 'execute',
        asked: false,
        announced: true,
        whole: true,
      },
      ...more,
    });
  const control = () => enforcement.control('a-uid');
  return { link, enforcement, use, control, changes: () => changes };
}

describe('a tool call', () => {
  test('that was not asked about is told, with the call and the rule', () => {
    const { use, control } = setUp();
    expect(use({ input: { command: 'rm made' } })).toBe(false);
    expect(control()).toEqual({
      status: 'False',
      reason: 'ToolUsedWithoutAsking',
      message:
        'It used a tool of the kind execute without asking (rm made ("touch made")), though the spec says Ask.',
    });
  });

  test('that was asked about shows that the agent asks only where it was the agent that asked', () => {
    const { use, control } = setUp();
    expect(use({ asked: true })).toBe(true);
    expect(control()).toBeUndefined();
  });

  test('that the spec allows, or that is not known whole, shows nothing', () => {
    const { use, control } = setUp();
    expect(use({ kind: 'read' })).toBe(true);
    expect(use({ whole: false })).toBe(true);
    expect(control()).toBeUndefined();
  });

  test('shows nothing where the spec has no permissions', () => {
    const { use, control } = setUp({ permissions: 'None' });
    expect(use()).toBe(true);
    expect(control()).toBeUndefined();
  });

  test('that failed maybe before the agent would have asked is told, as long as no more is known', () => {
    const { use, control, enforcement, link } = setUp();
    expect(use({ kind: 'edit', end: 'failed' })).toBe(true);
    expect(control()).toEqual({
      status: 'Unknown',
      reason: 'ToolFailedWithoutAsking',
      message:
        'It used a tool of the kind edit without asking, which failed, maybe before it would have asked (touch made).',
    });
    enforcement.asks(link);
    expect(use({ kind: 'edit', end: 'failed' })).toBe(true);
    expect(control()).toEqual(asks);
  });

  test('of which text is told at most a thousand characters', () => {
    const { use, control } = setUp();
    use({ title: 'x'.repeat(2_000) });
    expect(control()?.message.length).toBeLessThan(1_200);
  });
});

describe('what is known of an agent', () => {
  test('is that it asks, once it has asked, until it uses a tool without', () => {
    const { use, control, enforcement, link } = setUp();
    enforcement.asks(link);
    expect(control()).toEqual(asks);
    use();
    enforcement.asks(link);
    expect(control()).toMatchObject({ status: 'False' });
  });

  test('is told to the planner when it changes, and only then', () => {
    const { use, changes, enforcement, link } = setUp();
    enforcement.asks(link);
    enforcement.asks(link);
    expect(changes()).toBe(1);
    use();
    use();
    expect(changes()).toBe(2);
  });

  test('is forgotten with its run', () => {
    const { use, control, enforcement } = setUp();
    use();
    enforcement.forget('other');
    expect(control()).toBeDefined();
    enforcement.forget('a-uid');
    expect(control()).toBeUndefined();
  });
});

describe('an approval from before a restart of the controller', () => {
  const asked = (id: string, more: Partial<Approval> = {}): Approval =>
    approval(id, { run: 2, message: 'm', state: 'Denied', toolCall: `call ${id}`, ...more });

  test('is found again for the run that asked, and for no other', () => {
    const approvals = [
      asked('1'),
      asked('2', { run: 1 }),
      asked('3', { uid: 'b-uid' }),
      asked('4', { agent: 'b' }),
    ];
    const { enforcement, link } = setUp({ approvals });
    expect(enforcement.reconnected(link).map(({ id }) => id)).toEqual(['1']);
  });

  test('covers one call of its turn', () => {
    const { use, enforcement, link } = setUp({ approvals: [asked('1')] });
    enforcement.reconnected(link);
    expect(use()).toBe(true);
    expect(use()).toBe(false);
  });

  test('covers its own call rather than another one', () => {
    const { use, enforcement, link } = setUp({ approvals: [asked('1'), asked('2')] });
    const earlier = enforcement.reconnected(link);
    use({ toolCallId: 'call 2' });
    expect(earlier.map(({ id }) => id)).toEqual(['1']);
  });

  test('covers no call of another turn, none that was asked about, and none that is allowed', () => {
    const { use, enforcement, link } = setUp({ approvals: [asked('1', { message: 'other' }), asked('2')] });
    const earlier = enforcement.reconnected(link);
    use({ asked: true });
    use({ kind: 'read' });
    expect(earlier.map(({ id }) => id)).toEqual(['1', '2']);
    expect([use(), use()]).toEqual([true, false]);
    expect(earlier.map(({ id }) => id)).toEqual(['1']);
  });
});

describe('an option that allows a kind of tool always', () => {
  const options = [
    { id: 'once', name: 'Once', kind: 'allow_once' as const },
    { id: 'always', name: 'Always', kind: 'allow_always' as const },
  ];
  test.each<[string, Partial<Approval>, boolean]>([
    ['chosen', {}, true],
    ['chosen for a change of the mode', { toolKind: 'switch_mode' }, true],
    ['chosen for another kind', { toolKind: 'edit' }, false],
    ['not chosen', { option: 'once' }, false],
    ['denied', { state: 'Denied' }, false],
    ['without options', { options: undefined }, false],
    ['of another instance', { uid: 'b-uid' }, false],
    ['chosen in an earlier run', { run: 1 }, true],
  ])('that was %s lets the agent use it without asking', (_, more, allowed) => {
    const all = approval('1', { state: 'Approved', option: 'always', options, run: 2, ...more });
    expect(setUp({ approvals: [all] }).use()).toBe(allowed);
  });
});
