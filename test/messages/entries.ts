import type { Entry } from '../../src/messages/journal.ts';
import type { Approval, Conversation, Link, Message, UsageRecord } from '../../src/messages/message.ts';

/** Whole records for tests that care for a field or two of them. */

const place = { namespace: 'default', agent: 'a' };

export const message = (id: string, fields: Partial<Message> = {}): Message => ({
  ...place,
  id,
  kind: 'Chat',
  from: { kind: 'User', name: 'me' },
  conversation: 'c',
  text: `text of ${id}`,
  state: 'Pending',
  attempts: 0,
  written: false,
  produced: false,
  hops: 0,
  createdAt: 1_000,
  expiresAt: 9_000,
  ...fields,
});

/** Sent by an agent that knows its question by an id. */
export const asked = (id: string, fields: Partial<Message> = {}): Message =>
  message(id, {
    kind: 'Route',
    from: {
      kind: 'Agent',
      namespace: 'default',
      name: 'b',
      instance: 'b-0',
      uid: 'b-uid',
      requestId: `r-${id}`,
    },
    ...fields,
  });

export const ended = (id: string, at: number, fields: Partial<Message> = {}): Message =>
  message(id, { state: 'Completed', endedAt: at, ...fields });

export const conversation = (id: string, fields: Partial<Conversation> = {}): Conversation => ({
  ...place,
  id,
  state: 'Open',
  renew: false,
  single: false,
  createdAt: 1_000,
  activeAt: 1_000,
  spent: {},
  ...fields,
});

export const link = (uid: string, run: number, fields: Partial<Link> = {}): Link => ({
  uid,
  run,
  startId: `${uid}-${run}`,
  drained: false,
  epoch: 1,
  activeAt: 1_000,
  ...fields,
});

export const approval = (id: string, fields: Partial<Approval> = {}): Approval => ({
  ...place,
  id,
  instance: 'a-0',
  uid: 'a-uid',
  run: 1,
  permission: `p-${id}`,
  title: 'rm -r /',
  toolKind: 'execute',
  state: 'Pending',
  createdAt: 1_000,
  expiresAt: 9_000,
  ...fields,
});

export const usage = (id: string, fields: Partial<UsageRecord> = {}): UsageRecord => ({
  ...place,
  id,
  at: 1_000,
  ...fields,
});

export const accept = (...messages: Message[]): Entry[] =>
  messages.map((message) => ({ type: 'Accept', message }));

export const event = (message: string, seq: number, text = `event ${seq}`): Entry => ({
  type: 'Event',
  message,
  seq,
  at: 2_000 + seq,
  event: { type: 'text', text },
});
