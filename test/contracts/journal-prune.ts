import { describe, expect, test } from 'vitest';
import type { Gone, Journal } from '../../src/messages/journal.ts';
import {
  accept,
  approval,
  asked,
  conversation,
  ended,
  event,
  link,
  message,
  usage,
} from '../messages/entries.ts';

const unbounded = { before: 0, bytes: Number.MAX_SAFE_INTEGER, usageBefore: 0 };

/** The part of Journal's contract that is about forgetting. */
export function pruneContract(current: () => Journal): void {
  describe('pruning', () => {
    const ids = (of: readonly { id: string }[]): string[] => of.map(({ id }) => id);
    const left = (): string[] => ids(current().messages()).reverse();

    test('an empty journal removes nothing', async () => {
      expect(await current().prune({ before: 9_000, bytes: 0, usageBefore: 9_000 })).toBe(0);
    });

    test('removes what ended before, with its events; what is open stays, however old', async () => {
      await current().commit([
        ...accept(
          ended('1', 10),
          ended('2', 30),
          message('3', { createdAt: 1 }),
          ended('4', 19),
          ended('5', 20),
        ),
        ...accept(message('6', { state: 'Delivered' }), asked('7', { state: 'Failed', endedAt: 5 })),
        event('1', 1),
        event('2', 1),
      ]);
      expect(await current().prune({ ...unbounded, before: 20 })).toBe(3);
      expect(left()).toEqual(['2', '3', '5', '6']);
      expect(current().events('2')).toHaveLength(1);
      await current().commit(accept(message('1')));
      expect(current().events('1')).toEqual([]);
      expect(left()).toEqual(['2', '3', '5', '6', '1']);
    });

    test('frees the keys of what it removes', async () => {
      await current().commit(accept(ended('1', 10, { key: 'k' })));
      await current().prune({ ...unbounded, before: 20 });
      await current().commit(accept(message('2', { key: 'k' })));
      expect(current().byKey('default', 'a', 'k')?.id).toBe('2');
    });

    test('counts a final message without an end by when it was made', async () => {
      await current().commit(accept(message('1', { state: 'Failed', createdAt: 10 })));
      expect(await current().prune({ ...unbounded, before: 10 })).toBe(0);
      expect(await current().prune({ ...unbounded, before: 11 })).toBe(1);
    });

    test('removes the oldest while text, answer and events take too much; what is open does not count', async () => {
      const ten = '0123456789';
      await current().commit(
        accept(
          ended('1', 10, { text: ten }), // with an answer, 20
          ended('2', 40, { text: 'ü2345678' }), // 9, and an event
          ended('3', 30, { text: ten }),
          ended('4', 20, { text: ten, answer: ten }),
          message('5', { text: ten.repeat(100) }),
          message('6', { text: ten }),
        ),
      );
      await current().commit([event('2', 1, ten), event('5', 1, ten)]);
      await current().commit([{ type: 'Change', id: '6', set: { answer: ten } }]);
      await current().commit([
        { type: 'Change', id: '6', set: { answer: 'x', state: 'Completed', endedAt: 50 } },
      ]);
      const eventSize = JSON.stringify({ type: 'text', text: ten }).length;
      const total = 11 + (9 + eventSize) + 10 + 20 + 10;
      expect(await current().prune({ ...unbounded, bytes: total })).toBe(0);
      expect(await current().prune({ ...unbounded, bytes: total - 1 })).toBe(1);
      expect(left()).toEqual(['2', '3', '4', '5', '6']);
      expect(await current().prune({ ...unbounded, bytes: total - 11 })).toBe(1);
      expect(left()).toEqual(['2', '3', '5', '6']);
      expect(await current().prune({ ...unbounded, bytes: 11 })).toBe(2);
      expect(left()).toEqual(['5', '6']);
      expect(await current().prune({ ...unbounded, bytes: 0 })).toBe(1);
      expect(left()).toEqual(['5']);
    });

    test('removes the oldest of too many messages, and with them their closed conversations', async () => {
      await current().commit([
        ...accept(
          ended('1', 10, { conversation: 'one' }),
          ended('2', 20, { conversation: 'two' }),
          ended('3', 30, { conversation: 'three' }),
        ),
        ...['one', 'two', 'three'].map((id, n) => ({
          type: 'Conversation' as const,
          conversation: conversation(id, { state: 'Closed', activeAt: 10 * (n + 1) - 1 }),
        })),
      ]);
      expect(await current().prune({ ...unbounded, messages: 3 })).toBe(0);
      expect(await current().prune({ ...unbounded, messages: 1 })).toBe(2);
      expect(left()).toEqual(['3']);
      expect(ids(current().conversations())).toEqual(['three']);
    });

    test('removes what no longer belongs to anything, and is older', async () => {
      const closed = { state: 'Closed', activeAt: 10 } as const;
      await current().commit([
        ...accept(message('1', { conversation: 'in use' }), ended('2', 10, { conversation: 'unused' })),
        { type: 'Conversation', conversation: conversation('in use', closed) },
        { type: 'Conversation', conversation: conversation('unused', closed) },
        { type: 'Conversation', conversation: conversation('newer', { ...closed, activeAt: 30 }) },
        { type: 'Conversation', conversation: conversation('open', { activeAt: 10 }) },
        { type: 'Link', link: link('a', 1, { activeAt: 10 }) },
        { type: 'Link', link: link('a', 2, { activeAt: 10, cursor: 'of a run that has been quiet since' }) },
        { type: 'Link', link: link('b', 1, { activeAt: 30 }) },
        { type: 'Link', link: link('b', 2, { activeAt: 30 }) },
        { type: 'Approval', approval: approval('pending', { createdAt: 1 }) },
        { type: 'Approval', approval: approval('old', { state: 'Denied', createdAt: 1, decidedAt: 19 }) },
        { type: 'Approval', approval: approval('new', { state: 'Denied', createdAt: 1, decidedAt: 20 }) },
        { type: 'Usage', record: usage('old', { at: 4 }) },
        { type: 'Usage', record: usage('new', { at: 5 }) },
      ]);
      expect(await current().prune({ ...unbounded, before: 20, usageBefore: 5 })).toBe(1);
      expect(ids(current().conversations())).toEqual(['in use', 'newer', 'open']);
      expect(
        current()
          .load()
          .links.map(({ uid, run }) => `${uid}${run}`),
      ).toEqual(['a2', 'b1', 'b2']);
      expect(ids(current().approvals())).toEqual(['pending', 'new']);
      expect(ids(current().usage())).toEqual(['new']);
    });

    test('tells what went, as it last was, once it is gone', async () => {
      const text = 'Grüße\n\0';
      const old = ended('1', 10, { text, answer: 'x', spent: { inputTokens: 1 } });
      const closed = conversation('unused', { state: 'Closed', activeAt: 10 });
      const denied = approval('old', { state: 'Denied', decidedAt: 10 });
      await current().commit([
        ...accept(old, ended('2', 30), message('3')),
        { type: 'Conversation', conversation: closed },
        { type: 'Conversation', conversation: conversation('open') },
        { type: 'Approval', approval: denied },
        { type: 'Approval', approval: approval('pending') },
      ]);
      const told: Gone[] = [];
      const gone = (one: Gone): void => {
        told.push(one);
        if (one.kind === 'Message') expect(current().message(one.record.id)).toBeUndefined();
      };
      expect(await current().prune({ ...unbounded, before: 20, gone })).toBe(1);
      expect(told).toEqual([
        { kind: 'Message', record: old },
        { kind: 'Conversation', record: closed },
        { kind: 'Approval', record: denied },
      ]);
      expect(await current().prune({ ...unbounded, before: 20, gone })).toBe(0);
      expect(told).toHaveLength(3);
    });

    test('leaves alone what is retried and what comes while it goes on', async () => {
      const many = Array.from({ length: 3_000 }, (_, n) => ended(`${n}`, n, { state: 'Failed' }));
      await current().commit(accept(...many));
      const pruning = current().prune({ ...unbounded, before: 9_000 });
      await current().commit([{ type: 'Retry', id: '2999', expiresAt: 1 }, ...accept(message('new'))]);
      expect(await pruning).toBe(2_999);
      expect(left()).toEqual(['2999', 'new']);
      expect(current().message('2999')).toMatchObject({ state: 'Pending', text: 'text of 2999' });
    });

    test('ends when the journal is closed', async () => {
      const many = Array.from({ length: 3_000 }, (_, n) => ended(`${n}`, n));
      await current().commit(accept(...many));
      const pruning = current().prune({ ...unbounded, before: 9_000 });
      await current().close();
      expect(await pruning).toBeLessThan(3_000);
    });
  });
}
