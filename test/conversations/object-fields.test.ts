import { describe, expect, test } from 'vitest';
import { JournalObjects } from '../../src/conversations/journal-objects.ts';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../fakes/clock.ts';
import { accept, approval, conversation, message } from '../messages/entries.ts';

const clock = new ManualClock('2026-01-31T12:00:00Z');
const setUp = () => {
  const journal = openJournal(':memory:', { log: silentLog });
  return { journal, objects: new JournalObjects(journal, clock, silentLog) };
};
const metadata = (name: string) => ({
  name,
  namespace: 'default',
  uid: name,
  creationTimestamp: '1970-01-01T00:00:01.000Z',
  resourceVersion: String(clock.now() * 1_000),
  labels: { 'agentctl.dev/agent': 'a' },
});

describe('a Message', () => {
  test('that waits has what it was sent with, and nothing that is not known yet', () => {
    expect(setUp().objects.message(message('m'))).toEqual({
      apiVersion: 'subresources.agentctl.dev/v1',
      kind: 'Message',
      metadata: metadata('m'),
      spec: {
        agentRef: { name: 'a' },
        kind: 'Chat',
        from: 'user:me',
        conversation: 'c',
        text: 'text of m',
        hops: 0,
        expiresAt: '1970-01-01T00:00:09.000Z',
      },
      status: { state: 'Pending', attempts: 0, tokens: '?', cost: '?' },
    });
  });

  test('that has ended has all that is known of it', () => {
    const ended = message('m', {
      state: 'Failed',
      attempts: 2,
      hops: 1,
      key: 'uid/User:me/a/b',
      parent: 'p',
      from: {
        kind: 'Agent',
        namespace: 'default',
        name: 'b',
        instance: 'b-0',
        uid: 'u',
        run: 1,
        requestId: 'r',
      },
      reason: 'AgentError',
      error: 'broken',
      instance: 'a-0',
      run: 3,
      answer: 'half',
      stopReason: 'end_turn',
      deliveredAt: 3_000,
      endedAt: 4_000,
      spent: { inputTokens: 10, outputTokens: 20, totalTokens: 35, cost: { USD: 0.5 } },
    });
    const { spec, status } = setUp().objects.message(ended);
    expect(spec).toMatchObject({ from: 'agent:default/b', hops: 1, key: 'a/b', parent: 'p' });
    expect(status).toMatchObject({
      state: 'Failed',
      attempts: 2,
      reason: 'AgentError',
      message: 'broken',
      instance: 'a-0',
      run: 3,
      answer: 'half',
      stopReason: 'end_turn',
      deliveredAt: '1970-01-01T00:00:03.000Z',
      endedAt: '1970-01-01T00:00:04.000Z',
      tokens: '35',
    });
  });

  test.each([
    [{ kind: 'Controller', name: 'prompt' } as const, 'controller:prompt'],
    [{ kind: 'Schedule', name: 'nightly' } as const, 'schedule:nightly'],
  ])('from %o is from %s', (from, text) => {
    expect(setUp().objects.message(message('m', { from })).spec.from).toBe(text);
  });
});

test('a Conversation has its state, and how many messages it has', async () => {
  const { journal, objects } = setUp();
  await journal.commit(accept(message('1'), message('2'), message('3', { conversation: 'd' })));
  const closed = conversation('c', {
    state: 'Closed',
    reason: 'Idle',
    instance: 'a-0',
    session: 's1',
    activeAt: 2_000,
    spent: { totalTokens: 7 },
  });
  expect(objects.conversation(closed)).toEqual({
    apiVersion: 'subresources.agentctl.dev/v1',
    kind: 'Conversation',
    metadata: metadata('c'),
    spec: { agentRef: { name: 'a' } },
    status: {
      state: 'Closed',
      reason: 'Idle',
      instance: 'a-0',
      session: 's1',
      messages: 2,
      tokens: '7',
      cost: '?',
      activeAt: '1970-01-01T00:00:02.000Z',
    },
  });
  expect(objects.conversation(conversation('none')).status).toEqual({
    state: 'Open',
    messages: 0,
    tokens: '?',
    cost: '?',
    activeAt: '1970-01-01T00:00:01.000Z',
  });
});

describe('an Approval', () => {
  test('that waits has the title for its request, and no decision', () => {
    expect(setUp().objects.approval(approval('p'))).toEqual({
      apiVersion: 'subresources.agentctl.dev/v1',
      kind: 'Approval',
      metadata: metadata('p'),
      spec: {
        agentRef: { name: 'a' },
        instance: 'a-0',
        title: 'rm -r /',
        request: 'rm -r /',
        toolKind: 'execute',
        expiresAt: '1970-01-01T00:00:09.000Z',
      },
      status: { state: 'Pending' },
    });
  });

  test('that was decided says by whom, and with which option', () => {
    const options = [{ id: 'y', name: 'yes', kind: 'allow_once' as const }];
    const decided = approval('p', {
      request: 'rm -r /tmp',
      message: 'm',
      conversation: 'c',
      input: { command: 'rm' },
      options,
      state: 'Approved',
      by: 'me',
      why: 'because',
      option: 'y',
      decidedAt: 5_000,
    });
    const { spec, status } = setUp().objects.approval(decided);
    expect(spec).toMatchObject({
      request: 'rm -r /tmp',
      message: 'm',
      conversation: 'c',
      input: '{"command":"rm"}',
      options,
    });
    expect(status).toEqual({
      state: 'Approved',
      by: 'me',
      message: 'because',
      option: 'y',
      decidedAt: '1970-01-01T00:00:05.000Z',
    });
  });
});

test('a record is found by its kind, its name and its namespace', async () => {
  const { journal, objects } = setUp();
  await journal.commit([
    ...accept(message('m')),
    { type: 'Conversation', conversation: conversation('c') },
    { type: 'Approval', approval: approval('p') },
  ]);
  for (const [kind, name] of [
    ['Message', 'm'],
    ['Conversation', 'c'],
    ['Approval', 'p'],
  ] as const) {
    const named = new Map([['metadata.name', name]]);
    const listed = (namespace?: string) => [...objects.list(kind, namespace, undefined, named)];
    const found = objects.get(kind, { namespace: 'default', name });
    expect(found).toMatchObject({ kind, metadata: { name } });
    expect(objects.get(kind, { namespace: 'other', name })).toBeUndefined();
    expect(objects.get(kind, { namespace: 'default', name: 'none' })).toBeUndefined();
    expect([listed(), listed('default'), listed('other')]).toEqual([[found], [found], []]);
  }
});

test('each change of a record has a new revision, and tells whether it is new', async () => {
  const { journal, objects } = setUp();
  await journal.commit([
    ...accept(message('m')),
    { type: 'Conversation', conversation: conversation('c') },
    { type: 'Approval', approval: approval('p') },
  ]);
  const told: string[] = [];
  const before = objects.revision();
  const stop = objects.onChange((kind, type, { metadata: { name, resourceVersion } }) =>
    told.push(`${type} ${kind} ${name} ${Number(resourceVersion) - before}`),
  );
  objects.changed('Message', 'm');
  objects.changed('Message', 'm');
  objects.changed('Conversation', 'c');
  objects.changed('Message', 'none');
  objects.gone({ kind: 'Approval', record: approval('p') });
  objects.gone({ kind: 'Conversation', record: conversation('c') });
  expect(objects.revision()).toBe(before + 6);
  expect(told).toEqual([
    'ADDED Message m 1',
    'MODIFIED Message m 2',
    'ADDED Conversation c 3',
    'DELETED Approval p 5',
    'DELETED Conversation c 6',
  ]);
  stop();
  objects.changed('Message', 'm');
  expect(told).toHaveLength(5);
  expect(objects.get('Message', { namespace: 'default', name: 'm' })?.metadata.resourceVersion).toBe(
    String(before + 7),
  );
});
