import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Entry, type Journal, JournalError } from '../../src/messages/journal.ts';
import {
  type Approval,
  type Conversation,
  isFinal,
  type Link,
  type Message,
  type UsageRecord,
} from '../../src/messages/message.ts';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import { silentLog as log } from '../../src/platform/log.ts';
import { approval, asked, conversation, link, message, usage } from './entries.ts';

/** What a Journal is, said with maps. */
class Model {
  messages = new Map<string, Message>();
  events = new Map<string, Map<number, Extract<Entry, { type: 'Event' }>>>();
  conversations = new Map<string, Conversation>();
  links = new Map<string, Link>();
  approvals = new Map<string, Approval>();
  marks = new Map<string, number>();
  usage = new Map<string, UsageRecord>();

  /** Why the batch is refused; it has then changed nothing. */
  commit(entries: readonly Entry[]): JournalError['code'] | undefined {
    const before = structuredClone({ ...this });
    for (const entry of entries) {
      const refused = this.#apply(entry);
      if (refused === undefined) continue;
      Object.assign(this, before);
      return refused;
    }
    return undefined;
  }

  #apply(entry: Entry): JournalError['code'] | undefined {
    switch (entry.type) {
      case 'Accept': {
        const { id, agent, key } = entry.message;
        const all = [...this.messages.values()];
        const taken = all.some((other) => key !== undefined && other.key === key && other.agent === agent);
        if (taken || this.messages.has(id)) return 'Duplicate';
        this.messages.set(id, entry.message);
        return undefined;
      }
      case 'Change': {
        const known = this.messages.get(entry.id);
        const fields = Object.keys(entry.set);
        if (fields.length === 0) return undefined;
        if (known === undefined) return 'Missing';
        if (isFinal(known.state) && fields.some((field) => field !== 'answered')) return 'Final';
        this.messages.set(entry.id, { ...known, ...entry.set });
        return undefined;
      }
      case 'Retry': {
        const known = this.messages.get(entry.id);
        if (known === undefined) return 'Missing';
        if (known.state !== 'Failed' && known.state !== 'Expired') return 'Final';
        const { reason, answer, endedAt, ...rest } = known;
        const { expiresAt } = entry;
        this.messages.set(entry.id, { ...rest, state: 'Pending', attempts: 0, written: false, expiresAt });
        return undefined;
      }
      case 'Event': {
        if (!this.messages.has(entry.message)) return 'Missing';
        const of = this.events.get(entry.message) ?? new Map();
        this.events.set(entry.message, of);
        if (!of.has(entry.seq)) of.set(entry.seq, entry);
        return undefined;
      }
      case 'Conversation':
        this.conversations.set(entry.conversation.id, entry.conversation);
        return undefined;
      case 'Link':
        this.links.set(`${entry.link.uid}/${entry.link.run}`, entry.link);
        return undefined;
      case 'DropLink':
        this.links.delete(`${entry.uid}/${entry.run}`);
        return undefined;
      case 'Approval':
        this.approvals.set(entry.approval.id, entry.approval);
        return undefined;
      case 'Mark':
        this.marks.set(entry.name, entry.at);
        return undefined;
      case 'DropMarks':
        for (const name of [...this.marks.keys()]) if (name.startsWith(entry.prefix)) this.marks.delete(name);
        return undefined;
      case 'Usage':
        if (!this.usage.has(entry.record.id)) this.usage.set(entry.record.id, entry.record);
        return undefined;
      default:
        return entry satisfies never;
    }
  }

  load(): ReturnType<Journal['load']> {
    const all = [...this.messages.values()];
    const open = all.filter(({ state }) => !isFinal(state));
    const inUse = new Set(open.map(({ conversation }) => conversation));
    const waits = ({ state, answered, from }: Message): boolean =>
      isFinal(state) && answered !== true && from.kind === 'Agent' && from.requestId !== undefined;
    const withoutText = ({ text, ...rest }: Message): Omit<Message, 'text'> => rest;
    return {
      messages: open.map(withoutText),
      conversations: [...this.conversations.values()].filter(
        ({ id, state }) => state === 'Open' || inUse.has(id),
      ),
      links: [...this.links].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, link]) => link),
      approvals: [...this.approvals.values()].filter(({ state }) => state === 'Pending'),
      marks: this.marks,
      unanswered: all.filter(waits).map(withoutText),
    };
  }
}

const id = fc.constantFrom('1', '2', '3', '4');
const at = fc.integer({ min: 0, max: 5 });
const state = fc.constantFrom('Pending', 'Delivered', 'Acknowledged', 'Completed', 'Failed', 'Expired');
const text = fc.string({ unit: 'binary', maxLength: 5 });
const accepted = fc
  .tuple(
    fc.constantFrom(message, asked),
    id,
    fc.constantFrom('a', 'b'),
    fc.option(id, { nil: undefined }),
    text,
  )
  .map(([make, id, agent, key, text]): Entry => {
    return { type: 'Accept', message: make(id, { agent, key, text, conversation: id }) };
  });
const changed = fc.record({
  type: fc.constant('Change'),
  id,
  set: fc.record(
    {
      state,
      reason: fc.option(text, { nil: undefined }),
      answer: text,
      answered: fc.boolean(),
      written: fc.boolean(),
      attempts: at,
      endedAt: at,
    },
    { requiredKeys: [] },
  ),
});
const entry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 4, arbitrary: accepted },
  { weight: 4, arbitrary: changed },
  fc.record({ type: fc.constant('Change'), id, set: fc.record({ answered: fc.boolean() }) }),
  fc.record({ type: fc.constant('Retry'), id, expiresAt: at }),
  fc.record({
    type: fc.constant('Event'),
    message: id,
    seq: at,
    at,
    event: fc.record({ type: fc.constant('note'), text }),
  }),
  fc.tuple(id, fc.constantFrom('Open', 'Closed'), text).map(([id, state, session]): Entry => {
    return { type: 'Conversation', conversation: conversation(id, { state, session }) };
  }),
  fc
    .tuple(id, at, text)
    .map(([uid, run, cursor]): Entry => ({ type: 'Link', link: link(uid, run, { cursor }) })),
  fc.record({ type: fc.constant('DropLink'), uid: id, run: at }),
  fc
    .tuple(id, fc.constantFrom('Pending', 'Denied'))
    .map(([id, state]): Entry => ({ type: 'Approval', approval: approval(id, { state }) })),
  fc.record({ type: fc.constant('Mark'), name: text, at }),
  fc.tuple(id, at).map(([id, inputTokens]): Entry => ({ type: 'Usage', record: usage(id, { inputTokens }) })),
);
const step = fc.oneof(
  { weight: 9, arbitrary: fc.array(fc.array(entry, { maxLength: 4 }), { maxLength: 5 }) },
  { weight: 1, arbitrary: fc.constant('open again' as const) },
);

function compare(journal: Journal, model: Model): void {
  expect(journal.load()).toEqual(model.load());
  expect(journal.messages()).toEqual([...model.messages.values()].reverse());
  const counts = Map.groupBy(model.messages.values(), ({ conversation }) => conversation);
  expect(journal.counts()).toEqual(new Map(Array.from(counts, ([id, all]) => [id, all.length])));
  for (const known of model.messages.values()) {
    expect(journal.message(known.id)).toEqual(known);
    if (known.key !== undefined) expect(journal.byKey('default', known.agent, known.key)).toEqual(known);
    const events = [...(model.events.get(known.id)?.values() ?? [])].sort(
      (one, other) => one.seq - other.seq,
    );
    expect(journal.events(known.id)).toEqual(events.map(({ seq, at, event }) => ({ seq, at, event })));
  }
  expect(journal.conversations()).toEqual([...model.conversations.values()]);
  expect(journal.approvals()).toEqual([...model.approvals.values()]);
  expect(journal.usage()).toEqual([...model.usage.values()]);
}

test('any sequence of batches, handed in together or not, leaves what the model says, after a new start too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-journal-'));
  let files = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const path = join(folder, `${++files}.db`);
      let journal = openJournal(path, { log });
      const model = new Model();
      for (const batches of [...steps, 'open again' as const]) {
        if (batches === 'open again') {
          await journal.close();
          journal = openJournal(path, { log });
        } else {
          const results = await Promise.allSettled(batches.map((batch) => journal.commit(batch)));
          const verdicts = results.map((result) => {
            if (result.status === 'fulfilled') return undefined;
            if (result.reason instanceof JournalError) return result.reason.code;
            throw result.reason;
          });
          expect(verdicts).toEqual(batches.map((batch) => model.commit(batch)));
        }
        compare(journal, model);
      }
      await journal.close();
      rmSync(path);
    }),
    { numRuns: 60 },
  );
  rmSync(folder, { recursive: true });
});
