import { describe, expect, test } from 'vitest';
import { accountOf } from '../../../src/controller/talk/spending.ts';
import type { Conversation, Spent, UsageRecord } from '../../../src/messages/message.ts';
import type { Usage } from '../../../src/protocols/talk.ts';
import { conversation, message } from '../../messages/entries.ts';

/** Turns of one conversation, one after the other; of each the reports. What was written and what it comes to. */
function turns(...all: (readonly Usage[])[]): { records: UsageRecord[]; spent: Spent } {
  let thread: Conversation = conversation('c');
  const records: UsageRecord[] = [];
  for (const [index, reported] of all.entries()) {
    const reports = Object.fromEntries(reported.map((usage) => [usage.counts, usage]));
    const turn = { message: message(`${index}`, { deliveredAt: 5 }), reports };
    const account = accountOf(turn, thread, { now: 7, begun: true });
    thread = account.conversation;
    for (const entry of account.entries) if (entry.type === 'Usage') records.push(entry.record);
  }
  return { records, spent: thread.spent };
}

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

  test('is what a session’s counter has grown by, or all of it where it began anew', () => {
    const session = (totalTokens: number): Usage => ({ counts: 'Session', totalTokens });
    const { records } = turns([session(100)], [session(130)], [session(20)]);
    expect(records.map(({ totalTokens }) => totalTokens)).toEqual([100, 30, 20]);
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
    const waits = { message: message('1'), reports: {} };
    const thread = conversation('c');
    expect(accountOf(waits, thread, { now: 7, begun: false })).toEqual({
      entries: [],
      spent: undefined,
      conversation: thread,
    });
  });
});
