import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Journal, MessageChange } from '../../src/messages/journal.ts';
import { accept, approval, asked, conversation, ended, event, link, message } from '../messages/entries.ts';
import { pruneContract } from './journal-prune.ts';
import { usageContract } from './journal-usage.ts';

/** What every Journal must keep. `open` gives an empty one. */
export function journalContract(name: string, open: () => Journal): void {
  describe(`${name} keeps the contract of Journal`, () => {
    let journal: Journal;
    beforeEach(() => {
      journal = open();
    });
    afterEach(() => journal.close());

    const ids = (messages: readonly { id: string }[]): string[] => messages.map(({ id }) => id);
    const duplicate = (what: string) =>
      expect.objectContaining({
        name: 'JournalError',
        code: 'Duplicate',
        message: expect.stringContaining(what),
      });
    const final = expect.objectContaining({ name: 'JournalError', code: 'Final' });
    const missing = expect.objectContaining({ name: 'JournalError', code: 'Missing' });

    describe('messages', () => {
      test('are read back whole, whatever is in them', async () => {
        const full = asked('full', {
          text: 'Grüße\n\0 "quoted" 👋',
          key: 'k',
          state: 'Acknowledged',
          reason: 'Why',
          error: 'what',
          attempts: 2,
          instance: 'a-0',
          uid: 'uid',
          run: 3,
          written: true,
          produced: true,
          interrupted: 'crashed',
          answer: 'ä\0b',
          stopReason: 'end_turn',
          spent: { inputTokens: 1, cost: { USD: 0.5 } },
          answered: false,
          hops: 2,
          parent: 'p',
          deliveredAt: 5,
          endedAt: 6,
        });
        const bare = message('bare');
        await journal.commit(accept(full, bare));
        expect(journal.message('full')).toEqual(full);
        expect(journal.message('bare')).toEqual(bare);
        expect(journal.byKey('default', 'a', 'k')).toEqual(full);
        expect(journal.message('other')).toBeUndefined();
        expect(journal.byKey('default', 'b', 'k')).toBeUndefined();
      });

      test('have an id that is theirs alone', async () => {
        await journal.commit(accept(message('1')));
        await expect(journal.commit(accept(message('1', { agent: 'b' })))).rejects.toEqual(duplicate('id 1'));
        expect(journal.message('1')?.agent).toBe('a');
      });

      test('have a key that is theirs alone among those to one agent; without a key there may be any number', async () => {
        await journal.commit(accept(message('1', { key: 'k' }), message('2'), message('3')));
        await journal.commit(accept(message('4', { key: 'k', agent: 'b' })));
        await journal.commit(accept(message('5', { key: 'k', namespace: 'other' })));
        await expect(journal.commit(accept(message('6', { key: 'k' })))).rejects.toEqual(duplicate('key k'));
        expect(ids(journal.messages())).toEqual(['5', '4', '3', '2', '1']);
      });

      test('are listed by namespace, agent, conversation and states, the last accepted first', async () => {
        await journal.commit(
          accept(
            message('1', { createdAt: 5 }),
            message('2', { createdAt: 4, agent: 'b', state: 'Failed' }),
            message('3', { namespace: 'other', conversation: 'd' }),
            message('4', { state: 'Expired' }),
          ),
        );
        expect(ids(journal.messages())).toEqual(['4', '3', '2', '1']);
        expect(ids(journal.messages({ limit: 2 }))).toEqual(['4', '3']);
        expect(ids(journal.messages({ namespace: 'default' }))).toEqual(['4', '2', '1']);
        expect(ids(journal.messages({ namespace: 'default', agent: 'a' }))).toEqual(['4', '1']);
        expect(ids(journal.messages({ conversation: 'd' }))).toEqual(['3']);
        expect(ids(journal.messages({ states: ['Failed', 'Expired'], limit: 5 }))).toEqual(['4', '2']);
        expect(journal.messages({ states: [] })).toEqual([]);
        expect(journal.messages({ agent: "a' OR 1 = 1 --" })).toEqual([]);
        expect(journal.messages({ conversation: 'd' })[0]?.text).toBe('text of 3');
      });

      test('are listed from one on backwards, be it gone meanwhile', async () => {
        const made = [1, 2, 3, 4].map((n) =>
          message(`${n}`, { createdAt: n * 10, conversation: `${n % 2}` }),
        );
        await journal.commit(accept(...made));
        const older = (id: string, createdAt: number, filter = {}): string[] =>
          ids(journal.messages({ ...filter, before: { id, createdAt } }));
        expect(older('3', 99)).toEqual(['2', '1']);
        expect(older('4', 0, { limit: 2 })).toEqual(['3', '2']);
        expect(older('4', 0, { namespace: 'default', conversation: '1' })).toEqual(['3', '1']);
        expect(older('1', 99)).toEqual([]);
        expect(older('gone', 30)).toEqual(['2', '1']);
        expect(older('gone', 31, { limit: 1 })).toEqual(['3']);
        expect(older('gone', 10)).toEqual([]);
      });

      test('are counted by conversation', async () => {
        expect(journal.counts()).toEqual(new Map());
        await journal.commit(
          accept(message('1'), message('2', { conversation: 'd' }), ended('3', 5, { namespace: 'other' })),
        );
        expect(journal.counts()).toEqual(
          new Map([
            ['c', 2],
            ['d', 1],
          ]),
        );
        expect(journal.counts('d')).toEqual(new Map([['d', 1]]));
        expect(journal.counts('e').get('e')).toBeUndefined();
      });

      test('change in the fields that are named, and in no others', async () => {
        await journal.commit(accept(message('1', { error: 'old', instance: 'a-0' })));
        await journal.commit([
          {
            type: 'Change',
            id: '1',
            set: { state: 'Delivered', error: undefined, written: true, attempts: 1 },
          },
          { type: 'Change', id: '1', set: {} },
        ]);
        const { error, ...rest } = message('1', { instance: 'a-0' });
        expect(journal.message('1')).toEqual({ ...rest, state: 'Delivered', written: true, attempts: 1 });
      });

      const anything: Required<Omit<MessageChange, 'answered'>> = {
        state: 'Completed',
        reason: 'R',
        error: 'e',
        attempts: 9,
        instance: 'a-9',
        uid: 'u',
        run: 9,
        written: true,
        produced: true,
        interrupted: 'i',
        answer: 'y',
        stopReason: 's',
        spent: {},
        deliveredAt: 9,
        endedAt: 9,
      };
      test('that are final change no more, but for having been answered', async () => {
        for (const state of ['Completed', 'Failed', 'Expired'] as const) {
          await journal.commit(accept(message(state)));
          await journal.commit([{ type: 'Change', id: state, set: { state, answer: 'x', answered: false } }]);
          const set = (set: object) => journal.commit([{ type: 'Change', id: state, set }]);
          await expect(set({ state: 'Pending' })).rejects.toEqual(final);
          await expect(set({ answer: 'y', answered: true })).rejects.toEqual(final);
          for (const [field, value] of Object.entries(anything)) {
            await expect(set({ [field]: value })).rejects.toEqual(final);
          }
          expect(journal.message(state)).toMatchObject({ state, answer: 'x', answered: false });
          await set({ answered: true });
          expect(journal.message(state)).toMatchObject({ state, answer: 'x', answered: true });
        }
      });

      test('that have failed or expired can be retried: as new, but for what had been told and spent', async () => {
        for (const state of ['Failed', 'Expired'] as const) {
          const before = message(state, {
            key: state,
            conversation: 'd',
            spent: { inputTokens: 1 },
            answered: true,
          });
          const after = {
            reason: 'R',
            error: 'e',
            attempts: 3,
            instance: 'a-0',
            uid: 'u',
            run: 1,
            written: true,
          };
          const more = {
            produced: true,
            interrupted: 'i',
            answer: 'x',
            stopReason: 's',
            deliveredAt: 1,
            endedAt: 2,
          };
          await journal.commit(accept({ ...before, ...after, ...more, state }));
          await journal.commit([{ type: 'Retry', id: state, expiresAt: 20_000 }]);
          expect(journal.message(state)).toEqual({ ...before, expiresAt: 20_000 });
          await journal.commit([{ type: 'Change', id: state, set: { state: 'Completed' } }]);
        }
      });

      test('that have not failed cannot be retried', async () => {
        for (const state of ['Pending', 'Delivered', 'Acknowledged', 'Completed'] as const) {
          const before = message(state, { state, attempts: 1 });
          await journal.commit(accept(before));
          const retry = journal.commit([{ type: 'Retry', id: state, expiresAt: 20_000 }]);
          await expect(retry).rejects.toEqual(final);
          expect(journal.message(state)).toEqual(before);
        }
      });

      test('that are not there can be neither changed nor retried, nor have events', async () => {
        const change = journal.commit([{ type: 'Change', id: '1', set: { state: 'Failed' } }]);
        await expect(change).rejects.toEqual(missing);
        await expect(journal.commit([{ type: 'Retry', id: '1', expiresAt: 1 }])).rejects.toEqual(missing);
        await expect(journal.commit([event('1', 1)])).rejects.toEqual(missing);
      });
    });

    describe('a batch', () => {
      test('is written whole or not at all', async () => {
        await journal.commit(accept(message('1')));
        const half = journal.commit([
          ...accept(message('2')),
          event('2', 1),
          { type: 'Mark', name: 'm', at: 1 },
          ...accept(message('1')),
        ]);
        await expect(half).rejects.toEqual(duplicate('id 1'));
        expect(ids(journal.messages())).toEqual(['1']);
        expect(journal.load().marks.size).toBe(0);
        await journal.commit(accept(message('2')));
        expect(journal.events('2')).toEqual([]);
      });

      test('that is refused takes none of its neighbours with it', async () => {
        const results = await Promise.allSettled([
          journal.commit(accept(message('1', { key: 'k' }))),
          journal.commit(accept(message('2'), message('3', { key: 'k' }))),
          journal.commit([{ type: 'Change', id: '1', set: { state: 'Completed' } }]),
          journal.commit([{ type: 'Change', id: '1', set: { state: 'Failed' } }]),
          journal.commit(accept(message('2', { text: 'the second try' }))),
        ]);
        expect(
          results.map((result) => (result.status === 'rejected' ? result.reason.code : 'written')),
        ).toEqual(['written', 'Duplicate', 'written', 'Final', 'written']);
        expect(ids(journal.messages())).toEqual(['2', '1']);
        expect(journal.message('1')?.state).toBe('Completed');
        expect(journal.message('2')?.text).toBe('the second try');
      });

      test('of nonsense fails alone', async () => {
        const nonsense = message('1', { createdAt: Number.NaN });
        const results = await Promise.allSettled([
          journal.commit(accept(nonsense)),
          journal.commit(accept(message('2'))),
        ]);
        expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
        expect(ids(journal.messages())).toEqual(['2']);
      });

      test('comes after those that were handed in before it, however many they are', async () => {
        const all = Array.from({ length: 1_200 }, (_, n) => `${n}`);
        const done: string[] = [];
        await Promise.all(all.map((id) => journal.commit(accept(message(id))).then(() => done.push(id))));
        expect(done).toEqual(all);
        expect(ids(journal.messages()).reverse()).toEqual(all);
      });
    });

    test('events are read in order, each once, after the one that was seen', async () => {
      await journal.commit(accept(message('1'), message('2')));
      await journal.commit([event('1', 2), event('1', 0), event('2', 1)]);
      await journal.commit([event('1', 0, 'again'), event('1', 1)]);
      const stored = (seq: number) => ({
        seq,
        at: 2_000 + seq,
        event: { type: 'text', text: `event ${seq}` },
      });
      expect(journal.events('1')).toEqual([stored(0), stored(1), stored(2)]);
      expect(journal.events('1', 0)).toEqual([stored(1), stored(2)]);
      expect(journal.events('1', 2)).toEqual([]);
      expect(journal.events('1', undefined, 2)).toEqual([stored(0), stored(1)]);
      expect(journal.events('1', 0, 1)).toEqual([stored(1)]);
      expect(journal.events('3')).toEqual([]);
    });

    test('conversations and approvals are kept as last written, in the order in which they began', async () => {
      const first = conversation('1', { session: 's', spent: { cost: { USD: 1 } } });
      await journal.commit([
        { type: 'Conversation', conversation: first },
        { type: 'Conversation', conversation: conversation('2', { agent: 'b' }) },
        { type: 'Approval', approval: approval('1', { input: { path: '/' } }) },
        { type: 'Approval', approval: approval('2', { namespace: 'other' }) },
      ]);
      const { session, ...without } = first;
      await journal.commit([{ type: 'Conversation', conversation: { ...without, activeAt: 5 } }]);
      const decided = approval('1', { state: 'Denied', by: 'me', decidedAt: 5 });
      await journal.commit([{ type: 'Approval', approval: decided }]);
      expect(journal.conversation('1')).toEqual({ ...without, activeAt: 5 });
      expect(ids(journal.conversations())).toEqual(['1', '2']);
      expect(ids(journal.conversations({ namespace: 'default', agent: 'b' }))).toEqual(['2']);
      expect(journal.conversation('3')).toBeUndefined();
      expect(journal.approval('1')).toEqual(decided);
      expect(ids(journal.approvals())).toEqual(['1', '2']);
      expect(ids(journal.approvals({ state: 'Pending' }))).toEqual(['2']);
      expect(ids(journal.approvals({ namespace: 'default', agent: 'a', state: 'Denied' }))).toEqual(['1']);
      expect(journal.approval('3')).toBeUndefined();
    });

    test('writes the parts of a batch that breaks a rule, but for the one that does', async () => {
      await journal.commit(accept(message('1', { key: 'k' })));
      const parts = [[event('1', 1)], accept(message('2'), message('3', { key: 'k' })), [event('1', 2)]];
      const refused: number[] = [];
      const others = journal.commit(accept(message('4')));
      await journal.commit(parts.flat(), { parts, refused: (part) => refused.push(part) });
      await others;
      expect(refused).toEqual([1]);
      expect(journal.events('1').map(({ seq }) => seq)).toEqual([1, 2]);
      expect(journal.messages().map(({ id }) => id)).toEqual(['4', '1']);
    });

    test('drops marks by the beginning of their names', async () => {
      const marks = ['a/1', 'a/2', 'a%', 'b/1'].map((name) => ({ type: 'Mark' as const, name, at: 1 }));
      await journal.commit([...marks, { type: 'DropMarks', prefix: 'a/' }]);
      expect([...journal.load().marks.keys()]).toEqual(['a%', 'b/1']);
    });

    test('a start loads all that is open, and nothing else', async () => {
      const open = [
        message('1'),
        message('2', { state: 'Delivered' }),
        asked('3', { state: 'Acknowledged' }),
      ];
      const told = { state: 'Completed', answered: true } as const;
      const unanswered = [
        asked('4', { state: 'Completed', answer: 'x', answered: false }),
        asked('5', { state: 'Failed' }),
      ];
      const nobodyWaits = asked('6', { state: 'Expired', from: { kind: 'User', name: 'me' } });
      await journal.commit(
        accept(...open, ...unanswered, nobodyWaits, asked('7', told), message('8', { state: 'Completed' })),
      );
      await journal.commit([
        { type: 'Conversation', conversation: conversation('o') },
        { type: 'Conversation', conversation: conversation('c', { state: 'Closed' }) },
        { type: 'Conversation', conversation: conversation('x', { state: 'Closed' }) },
        { type: 'Link', link: link('u', 1) },
        { type: 'Link', link: link('u', 2) },
        { type: 'Link', link: link('u', 2, { cursor: '7', facts: { name: 'x' }, drained: true }) },
        { type: 'DropLink', uid: 'u', run: 1 },
        { type: 'Approval', approval: approval('1') },
        { type: 'Approval', approval: approval('2', { state: 'Approved' }) },
        { type: 'Mark', name: 'm', at: 1 },
        { type: 'Mark', name: 'm', at: 2 },
      ]);
      const loaded = journal.load();
      const withoutText = (messages: readonly { text: string }[]) =>
        messages.map(({ text, ...rest }) => rest);
      expect(loaded).toEqual({
        messages: withoutText(open),
        conversations: [conversation('o'), conversation('c', { state: 'Closed' })],
        links: [link('u', 2, { cursor: '7', facts: { name: 'x' }, drained: true })],
        approvals: [approval('1')],
        marks: new Map([['m', 2]]),
        unanswered: withoutText(unanswered),
      });
      await journal.commit([{ type: 'Change', id: '4', set: { answered: true } }]);
      expect(ids(journal.load().unanswered)).toEqual(['5']);
    });

    test('closing writes what waits, and then nothing more is taken', async () => {
      const last = journal.commit(accept(message('1')));
      await journal.close();
      await last;
      await expect(journal.commit(accept(message('2')))).rejects.toMatchObject({
        code: 'Broken',
        message: expect.stringContaining('closed'),
      });
      await journal.close();
    });

    usageContract(() => journal);
    pruneContract(() => journal);
  });
}
