import { describe, expect, test } from 'vitest';
import { Ledger, type Writer } from '../../src/conversations/ledger.ts';
import type { Entry, Spare } from '../../src/messages/journal.ts';
import type { Link } from '../../src/messages/message.ts';
import { event } from '../messages/entries.ts';

interface Write {
  entries: readonly Entry[];
  spare: Spare | undefined;
  /** How it ends. */
  done(error?: Error): void;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A ledger of one run; the test says how each write ends. */
function opened() {
  const writes: Write[] = [];
  const settled: string[] = [];
  const failures: unknown[] = [];
  const writer = {
    write: (entries: readonly Entry[], spare?: Spare) =>
      new Promise<void>((resolve, reject) => {
        writes.push({ entries, spare, done: (error) => (error === undefined ? resolve() : reject(error)) });
      }),
  } as unknown as Writer; // as much of it as is used
  const record = { uid: 'u', run: 1, cursor: undefined, activeAt: 0 } as unknown as Link; // nothing else is looked at
  const ledger = new Ledger({
    record,
    writer,
    safely: (work) => work(),
    failed: (error) => failures.push(error),
    settled: (cursor) => settled.push(cursor),
  });
  return { ledger, writes, settled, failures };
}

const linkOf = (write: Write | undefined): Link | undefined =>
  write?.entries.flatMap((entry) => (entry.type === 'Link' ? [entry.link] : []))[0];

describe('what follows from a batch of lines', () => {
  test('is written together, with the cursor behind them', async () => {
    const { ledger, writes, settled } = opened();
    let done = 0;
    ledger.batch(7, () => {
      ledger.push({ entries: [event('1', 1)], after: () => (done += 1) });
      ledger.passed('c1');
      ledger.push({ entries: [event('1', 2)], after: () => (done += 1) });
      ledger.passed('c2');
    });
    expect(writes).toHaveLength(1);
    expect(writes[0]?.entries).toEqual([
      event('1', 1),
      event('1', 2),
      { type: 'Link', link: expect.objectContaining({ cursor: 'c2', activeAt: 7 }) },
    ]);
    expect([settled, done]).toEqual([[], 0]);
    writes[0]?.done();
    await turn();
    expect([settled, done]).toEqual([['c2'], 2]);
  });

  test('is nothing where nothing has changed', async () => {
    const { ledger, writes } = opened();
    ledger.batch(1, () => {});
    expect(writes).toEqual([]);
    ledger.batch(2, () => ledger.passed('c1'));
    ledger.batch(3, () => ledger.passed('c1'));
    ledger.flush();
    expect(writes).toHaveLength(1);
    ledger.push({ entries: [] });
    await turn();
    expect(writes).toHaveLength(1);
  });

  test('that the journal refuses is left out, alone', async () => {
    const { ledger, writes, failures, settled } = opened();
    const told: string[] = [];
    ledger.batch(1, () => {
      ledger.push({
        entries: [event('1', 1)],
        after: () => told.push('after 1'),
        refused: (error) => told.push(`refused 1: ${error}`),
      });
      ledger.push({ entries: [event('2', 1)], after: () => told.push('after 2') });
      ledger.passed('c1');
    });
    const [write] = writes;
    expect(write?.spare?.parts.map((part) => part.length)).toEqual([1, 1, 1]);
    write?.spare?.refused(0, 'no');
    write?.spare?.refused(2, 'nor the link');
    write?.done();
    await turn();
    expect(told).toEqual(['refused 1: no', 'after 2']);
    expect(failures).toEqual(['no', 'nor the link']);
    expect(settled).toEqual(['c1']);
  });

  test('that cannot be written at all settles nothing', async () => {
    const { ledger, writes, failures, settled } = opened();
    let done = 0;
    ledger.batch(1, () => {
      ledger.push({ entries: [event('1', 1)], after: () => (done += 1) });
      ledger.passed('c1');
    });
    const broken = new Error('broken');
    writes[0]?.done(broken);
    await turn();
    expect([failures, settled, done]).toEqual([[broken], [], 0]);
  });
});

describe('what is not of a batch', () => {
  test('is written soon, with all that comes meanwhile', async () => {
    const { ledger, writes } = opened();
    ledger.push({ entries: [event('1', 1)] });
    ledger.push({ entries: [event('1', 2)] });
    expect(writes).toEqual([]);
    await turn();
    expect(writes.map(({ entries }) => entries.length)).toEqual([3]);
    ledger.push({ entries: [event('1', 3)] });
    await turn();
    expect(writes.map(({ entries }) => entries.length)).toEqual([3, 2]);
  });

  test('and has no entries is done with the next write', async () => {
    const { ledger, writes, settled } = opened();
    let done = 0;
    ledger.push({ entries: [], after: () => (done += 1) });
    await turn();
    expect(writes[0]?.entries).toHaveLength(1);
    writes[0]?.done();
    await turn();
    expect(done).toBe(1);
    expect(settled, 'there is no cursor yet').toEqual([]);
  });
});

describe('the record of the run', () => {
  test('is written with the next batch where it changes', () => {
    const { ledger, writes } = opened();
    ledger.change({ run: 2 });
    expect(ledger.record.run).toBe(2);
    expect(writes).toEqual([]);
    ledger.flush();
    expect(writes.map(linkOf)).toMatchObject([{ run: 2 }]);
    ledger.flush();
    expect(writes).toHaveLength(1);
  });

  test('is written alone where it must be there first', async () => {
    const { ledger, writes } = opened();
    const begun = ledger.begin();
    expect(writes.map(({ entries }) => entries.length)).toEqual([1]);
    writes[0]?.done(new Error('full'));
    await expect(begun).rejects.toThrow('full');
    const noted = ledger.note({ run: 3 });
    expect(writes, 'never within a batch').toHaveLength(1);
    await turn();
    expect(linkOf(writes[1])).toMatchObject({ run: 3 });
    writes[1]?.done();
    await noted;
  });
});

test('a disk that does not keep up holds up the output, until a write is done', async () => {
  const { ledger, writes } = opened();
  for (let n = 1; n <= 64; n += 1) ledger.batch(n, () => ledger.passed(`c${n}`));
  expect(ledger.full).toBe(false);
  ledger.batch(65, () => ledger.passed('c65'));
  expect(ledger.full).toBe(true);
  let roomy = false;
  const room = ledger.room().then(() => {
    roomy = true;
  });
  await turn();
  expect(roomy).toBe(false);
  writes[0]?.done(new Error('a failure makes room, too'));
  await room;
  expect(ledger.full).toBe(false);
});
