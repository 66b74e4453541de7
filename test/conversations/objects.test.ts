import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { VirtualChange, VirtualObject } from '../../src/api/requests.ts';
import { LocalClient } from '../../src/client/local.ts';
import { JournalObjects } from '../../src/conversations/journal-objects.ts';
import type { Entry, Journal, MessageFilter } from '../../src/messages/journal.ts';
import type { Spent } from '../../src/messages/message.ts';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import { silentLog as log } from '../../src/platform/log.ts';
import { withVirtual } from '../../src/registry/virtual-registry.ts';
import { ManualClock } from '../fakes/clock.ts';
import { accept, approval, conversation, ended, message } from '../messages/entries.ts';
import { harness } from '../registry/harness.ts';

let journal: Journal;
let objects: JournalObjects;
beforeEach(() => {
  journal = openJournal(':memory:', { log });
  objects = new JournalObjects(journal, new ManualClock('2026-03-02T10:00:00Z'), log);
});
afterEach(() => journal.close());

const names = (all: Iterable<VirtualObject>): string[] => Array.from(all, ({ metadata }) => metadata.name);
const served = async (): Promise<LocalClient> => {
  const { registry, clock } = await harness();
  return new LocalClient(withVirtual(registry, objects, clock), 'test');
};

describe('the journal’s records as objects', () => {
  test('are listed the newest first, from any of them on', async () => {
    const two = <T>(make: (id: string, fields: { createdAt: number }) => T): T[] =>
      ['1', '2'].map((id) => make(id, { createdAt: Number(id) * 1_000 }));
    await journal.commit([
      ...accept(...two(message)),
      ...two(conversation).map((one): Entry => ({ type: 'Conversation', conversation: one })),
      ...two(approval).map((one): Entry => ({ type: 'Approval', approval: one })),
    ]);
    for (const kind of ['Message', 'Conversation', 'Approval'] as const) {
      expect(names(objects.list(kind))).toEqual(['2', '1']);
      expect(names(objects.list(kind, 'other'))).toEqual([]);
      expect(names(objects.list(kind, 'default', { uid: '2', createdAt: 2_000 }))).toEqual(['1']);
      expect(names(objects.list(kind, 'default', { uid: 'gone', createdAt: 1_500 }))).toEqual(['1']);
      expect(names(objects.list(kind, 'default', { uid: 'gone', createdAt: 1_000 }))).toEqual([]);
    }
  });

  test('count the messages of each conversation', async () => {
    await journal.commit([
      ...accept(message('1'), message('2'), message('3', { conversation: 'd' })),
      ...['c', 'd', 'e'].map((id): Entry => ({ type: 'Conversation', conversation: conversation(id) })),
    ]);
    const counts = Array.from(objects.list('Conversation'), (one) =>
      one.kind === 'Conversation' ? one.status?.messages : undefined,
    );
    expect(counts).toEqual([0, 1, 2]);
    expect(objects.get('Conversation', { namespace: 'default', name: 'c' })?.status).toMatchObject({
      messages: 2,
    });
  });

  const none = { inputTokens: 0, outputTokens: 0, totalTokens: 0, cost: 0 };
  test.each<[Spent, string, string]>([
    [{}, '?', '?'],
    [{ totalTokens: 0, cost: { USD: 0 } }, '0', '0 USD'],
    [{ inputTokens: 1_000, outputTokens: 200, unreported: none }, '1200', '?'],
    [
      { totalTokens: 1_200, cost: { USD: 0.1, EUR: 2 }, unreported: { ...none, totalTokens: 1, cost: 1 } },
      '1200+?',
      '0.1 USD + 2 EUR+?',
    ],
    [{ unreported: { ...none, totalTokens: 3, cost: 3 } }, '?', '?'],
  ])('say of %j what is known, and that there is more', async (spent, tokens, cost) => {
    await journal.commit(accept(ended('1', 5, { spent })));
    const one = objects.get('Message', { namespace: 'default', name: '1' });
    expect(one?.status).toMatchObject({ tokens, cost });
  });

  test('are paged without reading all of them, and pages fit together', async () => {
    const many = Array.from({ length: 1_203 }, (_, n) => message(`${n}`, { createdAt: n * 1_000 }));
    await journal.commit(accept(...many));
    let read = 0;
    objects = new JournalObjects(
      new Proxy(journal, {
        get: (own, name) => {
          const value: unknown = Reflect.get(own, name, own);
          if (typeof value !== 'function') return value;
          if (name !== 'messages') return value.bind(own);
          return (filter: MessageFilter) => {
            const some = own.messages(filter);
            read += some.length;
            return some;
          };
        },
      }),
      new ManualClock('2026-03-02T10:00:00Z'),
      log,
    );
    const client = await served();
    await client.list('Message', { limit: 20 });
    expect(read).toBeLessThanOrEqual(500);
    const seen: string[] = [];
    let token: string | undefined;
    do {
      const page = await client.list('Message', { limit: 500, continue: token });
      seen.push(...names(page.items));
      token = page.metadata.continue;
    } while (token !== undefined);
    expect(seen).toEqual(many.map(({ id }) => id).reverse());
    const some = await client.list('Message', { fieldSelector: 'metadata.name=7', limit: 1 });
    expect(names(some.items)).toEqual(['7']);
  });

  test('that are pruned are told of as deleted, as they last were, and are found no more', async () => {
    await journal.commit([
      ...accept(ended('1', 10, { answer: 'x' }), message('2')),
      { type: 'Conversation', conversation: conversation('d', { state: 'Closed', activeAt: 1 }) },
      { type: 'Approval', approval: approval('a', { state: 'Denied', decidedAt: 1 }) },
    ]);
    const told: [VirtualChange, VirtualObject][] = [];
    objects.onChange((_, type, object) => {
      told.push([type, object]);
      expect(objects.get(object.kind, object.metadata)).toBeUndefined();
    });
    const before = objects.revision();
    await journal.prune({ before: 20, bytes: 1e9, usageBefore: 0, gone: (gone) => objects.gone(gone) });
    expect(told.map(([type, { kind, metadata }]) => [type, kind, metadata.name])).toEqual([
      ['DELETED', 'Message', '1'],
      ['DELETED', 'Conversation', 'd'],
      ['DELETED', 'Approval', 'a'],
    ]);
    expect(told[0]?.[1]).toMatchObject({ spec: { text: 'text of 1' }, status: { answer: 'x' } });
    expect(told.map(([, { metadata }]) => Number(metadata.resourceVersion) - before)).toEqual([1, 2, 3]);
    expect(objects.revision()).toBe(before + 3);
  });

  test('that are pruned are gone for whoever watches over the API', async () => {
    await journal.commit(accept(ended('1', 10)));
    const client = await served();
    const abort = new AbortController();
    const events = client.watch('Message', { signal: abort.signal })[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ type: 'ADDED' });
    await journal.prune({ before: 20, bytes: 1e9, usageBefore: 0, gone: (gone) => objects.gone(gone) });
    expect((await events.next()).value).toMatchObject({
      type: 'DELETED',
      object: { metadata: { name: '1' } },
    });
    abort.abort();
  });
});
