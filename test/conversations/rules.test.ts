import { describe, expect, test } from 'vitest';
import type { AgentSpec } from '../../src/api/objects.ts';
import { actionFor, approvalTimeout } from '../../src/conversations/enforcement.ts';
import { protocolOf, rulesOf } from '../../src/conversations/ports.ts';
import { controlsOf } from '../../src/conversations/run-facts.ts';
import { countingOf, sizeOf } from '../../src/conversations/spending.ts';
import { hasBegun, prefaceOf, withPromptSent } from '../../src/conversations/thread-sessions.ts';
import type { Reported } from '../../src/messages/message.ts';
import type { Facts } from '../../src/protocols/protocol.ts';
import { protocols } from '../../src/protocols/protocol-index.ts';
import type { Usage } from '../../src/protocols/turn-events.ts';
import { conversation } from '../messages/entries.ts';
import { policyOf, specOf } from '../plan/worlds.ts';

describe('the rules of an Agent', () => {
  test('are those of its policy and its spec, in milliseconds', () => {
    const policy = policyOf({
      messages: {
        maxAttempts: 5,
        timeout: '1m',
        inactivityTimeout: '2m',
        queueDepth: 7,
        onInterrupted: 'Fail',
      },
    });
    const conversations = { perInstance: 3, idleTTL: '4m', onContextFull: 'New' as const };
    expect(rulesOf(specOf({ protocol: 'acp', conversations }), policy)).toEqual({
      maxAttempts: 5,
      timeout: 60_000,
      inactivityTimeout: 120_000,
      queueDepth: 7,
      onInterrupted: 'Fail',
      perInstance: 3,
      idleTTL: 240_000,
      onContextFull: 'New',
    });
  });

  test('say of a turn that was cut short what its protocol does, unless the policy says more', () => {
    for (const protocol of ['acp', 'jsonl'] as const)
      expect(rulesOf(specOf({ protocol }), policyOf()).onInterrupted).toBe(
        protocols[protocol].capabilities.onInterrupted,
      );
    expect(rulesOf(specOf({ protocol: 'none' }), policyOf()).onInterrupted).toBe('Retry');
  });

  test('are of no protocol where the spec has none', () => {
    expect(protocolOf({ protocol: 'none' })).toBeUndefined();
    expect(protocolOf({ protocol: 'acp' })?.name).toBe('acp');
    expect(protocolOf({ protocol: 'jsonl' })?.name).toBe('jsonl');
  });
});

describe('a tool call', () => {
  const rule = (toolKind: string, action: string) => ({ toolKind, action });
  test.each<[object | undefined, string, true | undefined, string]>([
    [undefined, 'edit', undefined, 'Ask'],
    [{ default: 'Allow' }, 'edit', undefined, 'Allow'],
    [{ default: 'Allow', rules: [rule('edit', 'Deny')] }, 'edit', undefined, 'Deny'],
    [{ default: 'Allow', rules: [rule('edit', 'Deny')] }, 'read', undefined, 'Allow'],
    [{ default: 'Deny', rules: [rule('edit', 'Allow')] }, 'edit', undefined, 'Allow'],
    [{ default: 'Deny', rules: [rule('edit', 'Allow')] }, 'edit', true, 'Deny'],
    [{ default: 'Allow', rules: [rule('other', 'Ask')] }, 'edit', true, 'Ask'],
    [{ default: 'Allow', rules: [rule('other', 'Ask')] }, 'edit', undefined, 'Allow'],
    [{ default: 'Ask', rules: [rule('edit', 'Deny'), rule('other', 'Allow')] }, 'edit', true, 'Deny'],
    [{ default: 'Deny' }, 'agentctl', undefined, 'Allow'],
  ])('under %o of the kind %s, guessed: %s, is %s', (permissions, kind, guessed, action) => {
    const spec = { ...(permissions === undefined ? {} : { permissions }) } as Pick<AgentSpec, 'permissions'>;
    expect(actionFor(spec, { kind, guessed })).toBe(action);
  });

  test('is asked about for ten minutes, or as long as the spec says', () => {
    expect(approvalTimeout(specOf())).toBe(600_000);
    expect(approvalTimeout(specOf({ permissions: { timeout: '1m' } } as never))).toBe(60_000);
  });
});

describe('the size of a report', () => {
  test.each<[Partial<Usage> | undefined, number | undefined]>([
    [undefined, undefined],
    [{}, undefined],
    [{ totalTokens: 9 }, 9],
    [{ totalTokens: 9, cachedReadTokens: 5 }, 9],
    [{ inputTokens: 3 }, 3],
    [{ outputTokens: 4 }, 4],
    [{ inputTokens: 3, outputTokens: 4 }, 7],
    [{ inputTokens: 3, outputTokens: 4, cachedReadTokens: 5, cachedWriteTokens: 6 }, 18],
    [{ inputTokens: 3, outputTokens: 4, cachedReadTokens: 5, totalTokens: 7 }, 12],
    [{ inputTokens: 3, outputTokens: 4, cachedReadTokens: 5, totalTokens: 8 }, 8],
    [{ inputTokens: 3, outputTokens: 4, totalTokens: 6 }, 7],
  ])('of %o is %s tokens', (usage, size) => {
    expect(sizeOf(usage === undefined ? undefined : { counts: 'Session', ...usage })).toBe(size);
  });
});

describe('a report that should be a sum over its session', () => {
  const of = (usage: Partial<Reported>): Reported => ({ counts: 'Session', ...usage });
  test.each<[string, Partial<Usage>, Partial<Reported> | undefined, number, string]>([
    ['is the first', { inputTokens: 5 }, undefined, 0, 'Sum'],
    ['says nothing of tokens', {}, { inputTokens: 5 }, 0, 'Sum'],
    ['follows one that said nothing', { inputTokens: 5 }, {}, 0, 'Sum'],
    [
      'is of an agent that has counted turns before',
      { inputTokens: 500 },
      { inputTokens: 5, countsTurns: true },
      0,
      'Own',
    ],
    ['has fewer than before', { inputTokens: 4 }, { inputTokens: 5 }, 1, 'Own'],
    [
      'has fewer of one sort',
      { inputTokens: 50, outputTokens: 1 },
      { inputTokens: 5, outputTokens: 2 },
      1,
      'Own',
    ],
    ['no longer has one of the sorts', { inputTokens: 50 }, { inputTokens: 5, outputTokens: 2 }, 1, 'Sum'],
    ['has as many', { inputTokens: 5 }, { inputTokens: 5 }, 1, 'Sum'],
    [
      'has grown by less than half a request',
      { inputTokens: 104 },
      { inputTokens: 100, request: 10 },
      1,
      'Own',
    ],
    ['has grown by half a request', { inputTokens: 105 }, { inputTokens: 100, request: 10 }, 1, 'Sum'],
    [
      'has grown by less than half of its context',
      { inputTokens: 149, context: { used: 100, size: 200 } },
      { inputTokens: 100, request: 1 },
      1,
      'Own',
    ],
    [
      'is nearer to its context than what it has grown by, in a turn without tools',
      { inputTokens: 150, context: { used: 90, size: 200 } },
      { inputTokens: 100 },
      0,
      'Sum',
    ],
    [
      'is its context, in a turn without tools',
      { inputTokens: 150, context: { used: 95, size: 200 } },
      { inputTokens: 101 },
      0,
      'Sum',
    ],
    [
      'is exactly its context, in a turn without tools',
      { inputTokens: 110, context: { used: 110, size: 200 } },
      { inputTokens: 50 },
      0,
      'Own',
    ],
    [
      'is of a session that was loaded again',
      { inputTokens: 500 },
      { inputTokens: 5, loaded: true },
      1,
      'Unknown',
    ],
  ])('%s: %o after %o, with %i tools, is %s', (_what, report, before, calls, counting) => {
    expect(countingOf(of(report), before === undefined ? undefined : of(before), { calls })).toBe(counting);
  });
});

describe('the system prompt', () => {
  const one = conversation('c');
  const prompt = { systemPrompt: 'Be kind.' };

  test('is told to a session that is not known to have it, once', () => {
    expect(prefaceOf({ ...one, told: '' }, prompt)).toBe('Be kind.');
    const told = withPromptSent(one, prompt);
    expect(prefaceOf(told, prompt)).toBeUndefined();
    expect(prefaceOf(told, { systemPrompt: 'Be brief.' })).toBe('Be brief.');
    expect(prefaceOf({ ...one, told: undefined }, prompt), 'of an older version').toBeUndefined();
    expect(prefaceOf({ ...one, told: '' }, {})).toBeUndefined();
  });

  test('or its absence is noted with the first turn that ends well: the conversation has begun', () => {
    expect(hasBegun(withPromptSent(one, {}))).toBe(true);
    expect(hasBegun({ ...one, told: '' })).toBe(false);
    expect(hasBegun({ ...one, told: undefined, session: 's' })).toBe(true);
    expect(hasBegun({ ...one, told: undefined, session: undefined })).toBe(false);
    expect(prefaceOf(withPromptSent(one, {}), prompt)).toBe('Be kind.');
  });
});

describe('what is known of what the spec asks for', () => {
  type Link = Parameters<typeof controlsOf>[0];
  const applied = (reason: string) => ({ status: 'True' as const, reason, message: `${reason} it is.` });
  const facts: Facts = {
    canResume: true,
    controls: {
      model: applied('Model'),
      systemPrompt: applied('Prompt'),
      mcp: applied('Offered'),
      mode: applied('Mode'),
      options: applied('Options'),
    },
  };
  const settings = {
    model: 'm',
    systemPrompt: 'Be kind.',
    session: { mode: 'plan', options: { deep: true } },
  };
  const linkOf = (more: object = {}): Link =>
    ({
      facts,
      protocol: protocols.acp,
      tools: undefined,
      account: undefined,
      settings,
      ...more,
    }) as unknown as Link; // as much of a Link as is looked at
  const spec = (more: object = {}): AgentSpec => ({
    ...specOf({ protocol: 'acp', fleetAccess: 'None' }),
    ...more,
  });
  const reasons = (link: Link, of: AgentSpec, permissions?: Parameters<typeof controlsOf>[2]) =>
    Object.fromEntries(
      Object.entries(controlsOf(link, of, permissions)).map(([name, { status, reason }]) => [
        name,
        `${status} ${reason}`,
      ]),
    );

  test('is nothing where it asks for nothing', () => {
    expect(controlsOf(linkOf(), spec(), undefined)).toEqual({});
    expect(controlsOf(linkOf({ facts: undefined }), spec(settings), undefined)).toEqual({});
  });

  test('is what the agent has said of each', () => {
    expect(reasons(linkOf(), spec(settings))).toEqual({
      ModelApplied: 'True Model',
      SystemPromptApplied: 'True Prompt',
      SessionModeApplied: 'True Mode',
      SessionOptionsApplied: 'True Options',
    });
  });

  test('is outdated where the run was told something else', () => {
    const changed = {
      model: 'n',
      systemPrompt: 'Be brief.',
      session: { mode: 'code', options: { deep: false } },
    };
    const outdated = 'False Outdated';
    expect(reasons(linkOf(), spec(changed))).toEqual({
      ModelApplied: outdated,
      SystemPromptApplied: outdated,
      SessionModeApplied: outdated,
      SessionOptionsApplied: outdated,
    });
    expect(controlsOf(linkOf(), spec({ model: 'n' }), undefined).ModelApplied?.message).toBe(
      'The spec changed after this run started: it applies from the next run.',
    );
  });

  test('is that there are no sessions, where the protocol has none', () => {
    const { mode: _, options: _1, ...controls } = facts.controls;
    const link = linkOf({ facts: { ...facts, controls }, protocol: protocols.jsonl });
    const found = controlsOf(link, spec({ session: settings.session }), undefined);
    expect(found.SessionModeApplied).toEqual({
      status: 'False',
      reason: 'Unsupported',
      message: 'The protocol jsonl has no sessions that can be set.',
    });
    expect(found.SessionOptionsApplied?.reason).toBe('Unsupported');
  });

  test('is what was seen of its permissions, or what its protocol does', () => {
    const asks = spec({ permissions: { default: 'Ask' } });
    expect(controlsOf(linkOf({ facts: undefined }), asks, undefined)).toEqual({
      PermissionsEnforced: {
        status: 'Unknown',
        reason: 'NotSeenYet',
        message: 'It has not yet used a tool that requires permission.',
      },
    });
    expect(controlsOf(linkOf({ protocol: protocols.jsonl }), asks, undefined).PermissionsEnforced).toEqual({
      status: 'False',
      reason: 'ProtocolDoesNotAsk',
      message: 'Agents of the protocol jsonl use tools without asking for permission.',
    });
    expect(reasons(linkOf(), asks, applied('Asked'))).toEqual({ PermissionsEnforced: 'True Asked' });
  });

  test('is what it said of its account', () => {
    const account = { WithinQuota: applied('Paid') };
    expect(reasons(linkOf({ account }), spec())).toEqual({ WithinQuota: 'True Paid' });
    expect(reasons(linkOf({ account, facts: undefined }), spec())).toEqual({});
  });

  test.each<[string, object, object, string | undefined]>([
    ['is not asked for', {}, { fleetAccess: 'None' }, undefined],
    ['is offered', {}, { fleetAccess: 'Read' }, 'True Offered'],
    ['is of another protocol', { protocol: protocols.jsonl }, { fleetAccess: 'Read' }, undefined],
    [
      'cannot be reached',
      { tools: { unavailable: 'There is no address.' } },
      { fleetAccess: 'Read' },
      'False NoAddress',
    ],
    [
      'was not asked for when its run was started',
      { facts: { ...facts, controls: { ...facts.controls, mcp: applied('NotAsked') } } },
      { fleetAccess: 'Read' },
      'False NotGiven',
    ],
  ])('of the fleet, where that %s', (_what, link, of, expected) => {
    expect(reasons(linkOf(link), spec(of)).FleetAccessible).toBe(expected);
  });
});
