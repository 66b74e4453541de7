import { describe, expect, test } from 'vitest';
import type { Sender } from '../../src/messages/message.ts';
import { accept, conversation, link, message } from '../messages/entries.ts';
import { instanceOf } from '../plan/worlds.ts';
import { bench, linkOf } from './bench.ts';

const by = (uid: string): Sender => ({
  kind: 'Agent',
  namespace: 'default',
  name: 'web',
  instance: `${uid}-0`,
  uid,
  requestId: 'r',
});

describe('two senders', () => {
  const sameAgent = (one: Sender | undefined, other: Sender | undefined): boolean => {
    const { talk, instances } = bench();
    instances.set('u0', instanceOf({}, 0));
    instances.set('u1', instanceOf({}, 1));
    const later = instanceOf({}, 2);
    instances.set('u2', { ...later, spec: { ...later.spec, agentUID: 'later-uid' } });
    return talk.isSameAgent(one, other);
  };

  test.each<[string, Sender | undefined, Sender | undefined, boolean]>([
    ['one instance', by('u0'), by('u0'), true],
    ['one instance that is gone', by('gone'), by('gone'), true],
    ['two instances of an Agent', by('u0'), by('u1'), true],
    ['instances of an Agent and of a later one of its name', by('u0'), by('u2'), false],
    ['an instance and one that is gone', by('u0'), by('gone'), false],
    ['one that is gone and an instance', by('gone'), by('u0'), false],
    ['two that are gone', by('gone'), by('lost'), false],
    ['a person and an instance', { kind: 'User', name: 'me' }, by('u0'), false],
    ['an instance and a person', by('u0'), { kind: 'User', name: 'me' }, false],
    ['the same person twice', { kind: 'User', name: 'me' }, { kind: 'User', name: 'me' }, false],
    ['nobody and an instance', undefined, by('u0'), false],
    ['nobody twice', undefined, undefined, false],
  ])('that are %s', (_, one, other, same) => expect(sameAgent(one, other)).toBe(same));
});

describe('an Agent that is deleted', () => {
  test('loses its mailbox, and is remembered by its uid', () => {
    const { talk } = bench();
    const before = talk.box('default/a');
    talk.dropBox('default/a', 'uid');
    expect(talk.box('default/a')).not.toBe(before);
    expect([talk.isDeleted('uid'), talk.isDeleted('other'), talk.isDeleted(undefined)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test('loses its mailbox where its uid is not known, too', () => {
    const { talk } = bench();
    const before = talk.box('default/a');
    talk.dropBox('default/a', undefined);
    expect(talk.box('default/a')).not.toBe(before);
    expect(talk.isDeleted(undefined)).toBe(false);
  });

  test('is remembered until a thousand others were deleted', () => {
    const { talk } = bench();
    for (let n = 0; n < 1_000; n += 1) talk.dropBox('default/a', `u${n}`);
    expect([talk.isDeleted('u0'), talk.isDeleted('u999')]).toEqual([true, true]);
    talk.dropBox('default/a', 'u1000');
    expect([talk.isDeleted('u0'), talk.isDeleted('u1'), talk.isDeleted('u1000')]).toEqual([
      false,
      true,
      true,
    ]);
  });
});

describe('after a restart of the controller', () => {
  test('messages in work are taken up first, and waiting ones in the order of their acceptance', async () => {
    const { talk, journal } = bench();
    const inWork = { state: 'Delivered', uid: 'a-uid', run: 1 } as const;
    const messages = [message('m1'), message('m2', inWork), message('m3')];
    await journal.commit([{ type: 'Conversation', conversation: conversation('c') }, ...accept(...messages)]);
    talk.restore({ conversations: [conversation('c', { uid: 'a-uid' })], links: [], messages });
    expect([...talk.opens.keys()]).toEqual(['m2', 'm1', 'm3']);
    expect(talk.waiting('default/a')).toBe(2);
    expect(talk.waiting('default/b')).toBe(0);
    expect([...talk.box('default/a').current('a-uid')].map(({ message: { id } }) => id)).toEqual(['m2']);
  });

  test.each([
    ['Cancelled', 'It was cancelled.', { reason: 'Cancelled', message: 'It was cancelled.' }],
    ['Timeout', undefined, { reason: 'Timeout', message: 'Timeout' }],
    ['Inactive', 'Too quiet.', { reason: 'Inactive', message: 'Too quiet.' }],
    [
      'PermissionsNotEnforced',
      undefined,
      { reason: 'PermissionsNotEnforced', message: 'PermissionsNotEnforced' },
    ],
    ['OpeningSession', 'It is slow.', undefined],
    [undefined, undefined, undefined],
  ])('a message with the reason %s and the error %s is being cancelled by %o', (reason, error, expected) => {
    const { talk } = bench();
    const messages = [message('m', { reason, error })];
    talk.restore({ conversations: [conversation('c')], links: [], messages });
    expect(talk.opens.get('m')?.cancellation).toEqual(expected);
  });

  test('a message without its conversation is not taken up', () => {
    const { talk } = bench();
    talk.restore({ conversations: [], links: [], messages: [message('m')] });
    expect(talk.opens.size).toBe(0);
  });

  test('the newest run of each instance is known, and each start that was read to its end', () => {
    const { talk } = bench();
    const links = [
      link('u', 2),
      link('u', 1, { drained: true }),
      link('v', 1, { drained: true }),
      link('v', 2, { facts: { account: { LoggedIn: { reason: 'R' } } } }),
    ];
    talk.restore({ conversations: [], links, messages: [] });
    expect([...talk.records].map(([uid, { run }]) => [uid, run])).toEqual([
      ['u', 2],
      ['v', 2],
    ]);
    expect([...talk.drained]).toEqual([
      ['u', 'u-1'],
      ['v', 'v-1'],
    ]);
    expect(talk.accountOf('u')).toEqual({});
    expect(talk.accountOf('v')).toEqual({ LoggedIn: { reason: 'R' } });
    talk.links.set('v', linkOf({ facts: { account: {} } }));
    expect(talk.accountOf('v')).toEqual({});
  });

  test('an open conversation counts for its instance; one that is closed or has none does not', () => {
    const { talk } = bench();
    const conversations = [
      conversation('c1', { uid: 'u' }),
      conversation('c2', { uid: 'u', state: 'Closed' }),
      conversation('c3'),
    ];
    talk.restore({ conversations, links: [], messages: [] });
    expect(talk.box('default/a').conversations('u')).toBe(1);
  });
});

describe('the turn that a run works on', () => {
  test.each<[string, object, string | undefined, boolean]>([
    ['is its message', {}, 'm', true],
    ['is none of another instance', { uid: 'other' }, 'm', false],
    ['is none of another run', { run: 2 }, 'm', false],
    ['is none without an id', {}, undefined, false],
    ['is none of an unknown id', {}, 'n', false],
  ])('%s', (_, of, id, found) => {
    const { talk } = bench();
    const messages = [message('m', { state: 'Delivered', uid: 'a-uid', run: 1 })];
    talk.restore({ conversations: [conversation('c')], links: [], messages });
    expect(talk.current(linkOf({}, of), id)).toBe(found ? talk.opens.get('m') : undefined);
  });

  test('is none while the message waits', () => {
    const { talk } = bench();
    const messages = [message('m', { uid: 'a-uid', run: 1 })];
    talk.restore({ conversations: [conversation('c')], links: [], messages });
    expect(talk.current(linkOf(), 'm')).toBeUndefined();
  });
});

describe('conversations in memory', () => {
  test('are dropped down to a thousand when they are more than two thousand, but not those in use', () => {
    const { talk } = bench();
    const held = Array.from({ length: 2_001 }, (_, n) => talk.hold(conversation(`c${n}`)));
    expect(held.map(({ record }) => talk.thread(record.id)).includes(undefined)).toBe(false);
    const [first, second, third, fourth] = held;
    if (first !== undefined) first.arriving = 1;
    if (second !== undefined) second.settling = true;
    if (third !== undefined)
      third.record = { ...third.record, working: { message: 'm', attempt: 1, run: 1, since: 0 } };
    if (fourth !== undefined) fourth.current = talk.open(message('m'), fourth);
    talk.hold(conversation('next'));
    const left = held.filter(({ record }) => talk.thread(record.id) !== undefined);
    expect(left).toHaveLength(1_000);
    expect(left.slice(0, 4)).toEqual(held.slice(0, 4));
  });
});

test('a listener that fails does not keep the others from hearing of a change', () => {
  const { talk } = bench();
  const heard: string[] = [];
  talk.onChange(() => {
    throw new Error('a listener failed');
  });
  talk.onChange((kind, id) => heard.push(`${kind} ${id}`));
  talk.changed('Message', 'm');
  talk.changed('Conversation', 'c');
  expect(heard).toEqual(['Message m', 'Conversation c']);
});
