import { describe, expect, test } from 'vitest';
import { spendingOf } from '../../src/conversations/spending.ts';
import { loadedAgain } from '../../src/conversations/thread-sessions.ts';
import type { Conversation, Spent, UsageRecord } from '../../src/messages/message.ts';
import type { Usage } from '../../src/protocols/turn-events.ts';
import { conversation, message } from '../messages/entries.ts';

/** Turns of one conversation, one after the other; of each the reports. What was written and what it comes to. */
function turns(...all: (readonly Report[])[]): { records: UsageRecord[]; spent: Spent } {
  let thread: Conversation = conversation('c');
  const records: UsageRecord[] = [];
  for (const [index, reported] of all.entries()) {
    const reports = Object.fromEntries(reported.map((usage) => [usage.counts, usage]));
    const { calls = 0, loaded = false, costThen } = reported[0] ?? {};
    if (loaded) thread = { ...thread, reported: loadedAgain(thread.reported, costThen) };
    const turn = { message: message(`${index}`, { deliveredAt: 5 }), reports, calls };
    const account = spendingOf(turn, thread, { now: 7, begun: true });
    thread = account.conversation;
    for (const entry of account.entries) if (entry.type === 'Usage') records.push(entry.record);
  }
  return { records, spent: thread.spent };
}

/** `calls`: of tools in the turn; `loaded`: its session was loaded before it, and said to have cost `costThen`. */
type Report = Usage & { calls?: number; loaded?: boolean; costThen?: Usage['cost'] };

describe('what a turn has used', () => {
  test('is what it has reported; a total is made of its parts', () => {
    const { records, spent } = turns([
      {
        counts: 'Turn',
        model: 'm',
        inputTokens: 5,
        outputTokens: 2,
        cost: { amount: 0.5, currency: 'USD' },
      },
    ]);
    expect(records).toMatchObject([
      { id: '0/5', at: 7, message: '0', conversation: 'c', model: 'm', inputTokens: 5, totalTokens: 7 },
    ]);
    expect(spent).toEqual({ inputTokens: 5, outputTokens: 2, totalTokens: 7, cost: { USD: 0.5 } });
  });

  const session = (totalTokens: number, more: Partial<Report> = {}): Report => ({
    counts: 'Session',
    totalTokens,
    ...more,
  });
  const context = (used: number) => ({ context: { used, size: 1000 } });
  const loaded = { loaded: true };

  test.each<[string, Report[], (number | undefined)[]]>([
    ['a sum over the session', [session(100), session(205), session(315)], [100, 105, 110]],
    ['a sum, after a turn of many requests', [session(500, { calls: 9 }), session(560)], [500, 60]],
    [
      'a sum that goes on after a load',
      [session(100, context(100)), session(205, { ...loaded, ...context(105) })],
      [100, 105],
    ],
    ['the turn alone, a bit more each time', [session(101), session(106), session(111)], [101, 106, 111]],
    ['the turn alone, and then a smaller one', [session(100), session(20), session(150)], [100, 20, 150]],
    [
      'the turn alone, where another counter has got smaller',
      [session(100, { outputTokens: 9 }), session(300, { outputTokens: 8 })],
      [100, 300],
    ],
    [
      'the turn alone, as its context shows',
      [session(100, context(100)), session(250, context(250))],
      [100, 250],
    ],
    [
      'a sum that begins anew after a load',
      [session(101), session(102, loaded), session(208)],
      [101, 102, 106],
    ],
    ['what may be the sum of an old session', [session(300, loaded), session(405)], [undefined, 105]],
    ['a smaller sum after a load', [session(300), session(100, loaded), session(205)], [300, 100, 105]],
    [
      'what may be either after a load',
      [session(100), session(250, loaded), session(400)],
      [100, undefined, 150],
    ],
  ])('a report is found to be %s', (_, reports, expected) => {
    const { records } = turns(...reports.map((report) => [report]));
    expect(records.map(({ totalTokens }) => totalTokens)).toEqual(expected);
  });

  const usd = (amount: number) => ({ amount, currency: 'USD' });
  const cost = (amount: number, more: Partial<Report> = {}): Report => ({
    counts: 'Session',
    cost: usd(amount),
    ...more,
  });

  const of = (totalTokens: number): Report => ({ counts: 'Turn', totalTokens });

  test.each<[string, (Report | Report[])[], (number | undefined)[]]>([
    ['what it has grown by', [cost(2), cost(5)], [2, 3]],
    ['all of it, where it has begun anew', [cost(5), cost(2), cost(3)], [5, 2, 1]],
    ['all of it, where it has begun anew after a load', [cost(5), cost(2, loaded), cost(3)], [5, 2, 1]],
    [
      'unknown where it may have, and known again afterwards',
      [cost(2), cost(5, loaded), cost(6)],
      [2, undefined, 1],
    ],
    [
      'unknown where it may have, though the turn in between reported none',
      [cost(2), session(9, loaded), cost(5), cost(6)],
      [2, undefined, undefined, 1],
    ],
    [
      'what it has grown by, though the turn in between reported none',
      [cost(2), session(9), cost(5)],
      [2, undefined, 3],
    ],
    ['unknown of an old session that is loaded', [cost(9, loaded), cost(10)], [undefined, 1]],
    ['what it has grown by since the load', [cost(9, { ...loaded, costThen: usd(8) }), cost(11)], [1, 2]],
    [
      'what it has grown by, as its price shows',
      [
        [cost(2), of(100)],
        [cost(4.2, loaded), of(108)],
      ],
      [2, 2.2],
    ],
    [
      'all of it, as its price shows',
      [
        [cost(2), of(100)],
        [cost(2.2, loaded), of(109)],
      ],
      [2, 2.2],
    ],
    [
      'unknown where its price shows neither',
      [
        [cost(2), of(100)],
        [cost(12, loaded), of(100)],
      ],
      [2, undefined],
    ],
    [
      'what it has grown by since the load, whatever was reported before',
      [cost(2), cost(5, { ...loaded, costThen: usd(4) })],
      [2, 1],
    ],
  ])('the cost of a turn is %s', (_, reports, expected) => {
    const { records } = turns(...reports.map((report) => (Array.isArray(report) ? report : [report])));
    const amounts = records.map((record) => record.cost?.amount);
    expect(amounts.map((amount) => amount && Number(amount.toFixed(6)))).toEqual(expected);
  });

  test('is unknown where nothing was reported: written without numbers, and counted as missing', () => {
    const { records, spent } = turns(
      [],
      [{ counts: 'Turn', totalTokens: 9 }],
      [{ counts: 'Turn', inputTokens: 0, outputTokens: 0 }],
    );
    expect(records[0]).toEqual({
      id: '0/5',
      namespace: 'default',
      agent: 'a',
      conversation: 'c',
      message: '0',
      at: 7,
    });
    expect(spent).toEqual({
      inputTokens: 0,
      outputTokens: 0,
      totalTokens: 9,
      unreported: { inputTokens: 2, outputTokens: 2, totalTokens: 1, cost: 3 },
    });
  });

  test('is nothing where none has begun', () => {
    const waits = { message: message('1'), reports: {}, calls: 0 };
    const thread = conversation('c');
    expect(spendingOf(waits, thread, { now: 7, begun: false })).toEqual({
      entries: [],
      spent: undefined,
      conversation: thread,
    });
  });
});
