import { describe, expect, test } from 'vitest';
import type { Hold } from '../../src/conversations/agent-account.ts';
import type { Ledger } from '../../src/conversations/ledger.ts';
import { RunFacts } from '../../src/conversations/run-facts.ts';
import type { Facts } from '../../src/protocols/protocol.ts';
import { ManualClock } from '../fakes/clock.ts';

const control = (reason: string, status: 'True' | 'Unknown' = 'Unknown') => ({
  status,
  reason,
  message: 'm',
});
const factsWith = (mcp: string): Facts => ({
  canResume: true,
  controls: { model: control('X'), systemPrompt: control('X'), mcp: control(mcp) },
});

function setUp({ before }: { before?: unknown } = {}) {
  const clock = new ManualClock('2026-03-01T12:00:00Z');
  const stored: unknown[] = [];
  let changes = 0;
  const ledger = {
    record: { facts: before },
    change: ({ facts }: { facts: unknown }) => stored.push(facts),
    push: () => {},
  } as unknown as Ledger; // no more of it is used
  const facts = new RunFacts({
    ledger,
    clock,
    changed: () => {
      changes += 1;
    },
  });
  return { facts, clock, stored, changes: () => changes, mcp: () => facts.value?.controls.mcp };
}

describe('that an agent has the tools', () => {
  const connected = {
    status: 'True',
    reason: 'Connected',
    message: 'The agent has connected to the MCP server of agentctl.',
  };

  test('is told when it connects, once, and is stored', () => {
    const { facts, mcp, stored, changes } = setUp();
    facts.found(factsWith('Offered'));
    expect(mcp()).toMatchObject({ reason: 'Offered' });
    facts.toolsSeen();
    facts.toolsSeen();
    expect(mcp()).toEqual(connected);
    expect(changes()).toBe(1);
    expect(stored).toEqual([factsWith('Offered'), facts.value]);
  });

  test('is told where it connects before the handshake has ended', () => {
    const { facts, mcp } = setUp();
    facts.toolsSeen();
    expect(mcp()).toBeUndefined();
    facts.found(factsWith('Offered'));
    expect(mcp()).toEqual(connected);
  });

  test('is denied after a turn in which it has not connected, until it does', () => {
    const { facts, mcp } = setUp();
    facts.found(factsWith('Offered'));
    facts.toolsDue();
    expect(mcp()).toMatchObject({
      status: 'False',
      reason: 'NotConnected',
      message: expect.stringMatching(/^Its session was given the MCP server of agentctl, and it has not/),
    });
    facts.toolsSeen();
    facts.toolsDue();
    expect(mcp()).toEqual(connected);
  });

  test('is not asked after a turn of an agent that was not offered any', () => {
    const { facts, mcp, changes } = setUp();
    facts.toolsDue();
    facts.found(factsWith('NotAsked'));
    facts.toolsDue();
    expect(mcp()).toEqual(control('NotAsked'));
    expect(changes()).toBe(0);
  });
});

describe('what an agent reports of its account', () => {
  const hold = (until: number, asked = '1'): Hold => ({ until, asked });
  const noQuota = ['WithinQuota', 'QuotaExceeded', 'none left'] as const;

  test('is known before the handshake by what the run before it reported', () => {
    const account = { WithinQuota: { status: 'False', reason: 'QuotaExceeded', message: 'none left' } };
    expect(setUp({ before: { account } }).facts.account).toEqual(account);
    expect(setUp().facts.account).toEqual({});
  });

  test('is not kept before the handshake', () => {
    const { facts, changes } = setUp();
    facts.accountFails(...noQuota);
    expect(facts.account).toEqual({});
    expect(changes()).toBe(0);
  });

  test('is told once for each message', () => {
    const { facts, changes } = setUp();
    facts.found(factsWith('NotAsked'));
    for (const message of ['none left', 'none left', 'still none'])
      facts.accountFails('WithinQuota', 'QuotaExceeded', message);
    expect(changes()).toBe(2);
    expect(facts.account.WithinQuota).toMatchObject({ status: 'False', message: 'still none' });
  });

  test('again holds the Agent anew only where the hold before is over, or something was asked since', () => {
    const { facts, clock } = setUp();
    facts.found(factsWith('NotAsked'));
    const until = () => facts.account.WithinQuota?.hold?.until;
    const now = clock.now();
    facts.accountFails(...noQuota, hold(now + 1_000));
    facts.accountFails(...noQuota, hold(now + 2_000));
    expect(until()).toBe(now + 1_000);
    facts.accountFails(...noQuota, hold(now + 3_000, '2'));
    expect(until()).toBe(now + 3_000);
    clock.advance(3_000);
    facts.accountFails(...noQuota, hold(now + 4_000, '2'));
    expect(until()).toBe(now + 4_000);
    facts.accountFails('WithinQuota', 'QuotaExceeded', 'in other words');
    expect(until()).toBe(now + 4_000);
  });

  test('is over with a turn that is completed', () => {
    const { facts, changes } = setUp();
    facts.found(factsWith('NotAsked'));
    facts.accountWorks();
    expect(changes()).toBe(0);
    facts.accountFails(...noQuota);
    facts.accountWorks();
    const works = { status: 'True', reason: 'TurnCompleted', message: 'A turn has been completed since.' };
    expect(facts.account).toEqual({ WithinQuota: works });
    facts.accountFails('LoggedIn', 'AuthRequired', 'who?');
    facts.accountWorks();
    expect(facts.account).toEqual({ WithinQuota: works, LoggedIn: works });
    facts.accountWorks();
    expect(changes()).toBe(4);
  });
});
