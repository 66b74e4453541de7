import { expect, test } from 'vitest';
import type { Journal } from '../../src/messages/journal.ts';
import { usage } from '../messages/entries.ts';

const ids = (of: readonly { id: string }[]): string[] => of.map(({ id }) => id);

/** The part of Journal's contract that is about what turns have used. */
export function usageContract(current: () => Journal): void {
  test('usage is counted once a report', async () => {
    const first = usage('1', { inputTokens: 5, cost: { amount: 0.1, currency: 'USD' } });
    await current().commit([
      { type: 'Usage', record: first },
      { type: 'Usage', record: usage('2', { agent: 'b', at: 2_000 }) },
    ]);
    await current().commit([{ type: 'Usage', record: usage('1', { inputTokens: 50 }) }]);
    expect(current().usage()).toEqual([first, usage('2', { agent: 'b', at: 2_000 })]);
    expect(ids(current().usage({ since: 2_000 }))).toEqual(['2']);
    expect(ids(current().usage({ namespace: 'default', agent: 'a', since: 1_000 }))).toEqual(['1']);
  });

  test('usage is summed by model; what was not reported is counted as that, and is not 0', async () => {
    const records = [
      usage('1', { model: 'm', inputTokens: 5, outputTokens: 2, cost: { amount: 0.5, currency: 'USD' } }),
      usage('2', { model: 'm', totalTokens: 0, cost: { amount: 1, currency: 'EUR' } }),
      usage('3', { model: 'm', inputTokens: 10, cost: { amount: 0.25, currency: 'USD' } }),
      usage('4', { model: 'n' }),
      usage('5', { outputTokens: 3, totalTokens: 9, at: 2_000 }),
      usage('6', { model: 'm', totalTokens: 1_000, agent: 'b' }),
      usage('7', { model: 'm', totalTokens: 1_000, namespace: 'other' }),
    ];
    await current().commit(records.map((record) => ({ type: 'Usage', record })));
    const own = { namespace: 'default', agent: 'a' };
    const unnamed = {
      ...own,
      turns: 1,
      outputTokens: 3,
      totalTokens: 9,
      unreported: { inputTokens: 1, outputTokens: 0, totalTokens: 0, cost: 1 },
    };
    expect(current().usageByModel(own)).toEqual([
      unnamed,
      {
        ...own,
        model: 'm',
        turns: 3,
        inputTokens: 15,
        outputTokens: 2,
        totalTokens: 7,
        cost: { EUR: 1, USD: 0.75 },
        unreported: { inputTokens: 1, outputTokens: 2, totalTokens: 1, cost: 0 },
      },
      {
        ...own,
        model: 'n',
        turns: 1,
        unreported: { inputTokens: 1, outputTokens: 1, totalTokens: 1, cost: 1 },
      },
    ]);
    expect(current().usageByModel({ ...own, since: 2_000 })).toEqual([unnamed]);
    expect(current().usageByModel({ ...own, since: 2_001 })).toEqual([]);
    const namesOf = (filter: Parameters<Journal['usageByModel']>[0]): string[] =>
      current()
        .usageByModel(filter)
        .map(({ namespace, agent, model, totalTokens }) => `${namespace}/${agent} ${model} ${totalTokens}`);
    const inDefault = ['default/a undefined 9', 'default/a m 7', 'default/a n undefined', 'default/b m 1000'];
    expect(namesOf({ namespace: 'default' })).toEqual(inDefault);
    expect(namesOf({})).toEqual([...inDefault, 'other/a m 1000']);
    expect(current().usageByModel({ ...own, agent: "a' OR 1 = 1 --" })).toEqual([]);
  });
}
