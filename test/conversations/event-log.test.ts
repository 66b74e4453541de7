import { describe, expect, test } from 'vitest';
import { EventLog } from '../../src/conversations/event-log.ts';
import { Hub } from '../../src/conversations/message-stream.ts';
import { type Open, openOf } from '../../src/conversations/open-message.ts';
import type { Entry } from '../../src/messages/journal.ts';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { TurnEvent } from '../../src/protocols/turn-events.ts';
import { ManualClock } from '../fakes/clock.ts';
import { accept, conversation, event, message } from '../messages/entries.ts';

const mebi = 1024 * 1024;
const agent = { namespace: 'default', agent: 'a', uid: 'a-uid' };

/** An open message `m` of Agent `a`. */
const opened = (): Open =>
  openOf(
    message('m'),
    { record: conversation('c'), waiting: [], current: undefined, arriving: 0 },
    { order: 1, now: 0 },
  );

function setUp() {
  const journal = openJournal(':memory:', { log: silentLog });
  const clock = new ManualClock('2026-01-31T12:00:00Z');
  const hub = new Hub();
  const opens = new Map<string, Open>();
  const log = new EventLog({
    journal,
    clock,
    hub,
    opens,
    conversationOf: (uid, session) => (uid === 'a-uid' && session === 's' ? 'c' : undefined),
  });
  const [open, end] = [opened(), new AbortController()];
  return { journal, clock, hub, opens, log, open, end, add: (event: TurnEvent) => log.add(open, event) };
}

const text = (text: string): TurnEvent => ({ type: 'text', text });
const tool = (id: string, status: 'in_progress' | 'completed' | 'failed'): TurnEvent => ({
  type: 'tool',
  id,
  status,
});
const eventsOf = (entries: readonly Entry[]): TurnEvent[] =>
  entries.flatMap((entry) => (entry.type === 'Event' ? [entry.event] : []));
const textsOf = (entries: readonly Entry[]): string[] =>
  eventsOf(entries).flatMap((event) => ('text' in event ? [event.text] : []));

describe('an event of a message', () => {
  test('has the next number and its time, is at hand, and wakes who follows', async () => {
    const { add, clock, hub, open, end } = setUp();
    const follower = hub.follow('m', end.signal);
    await follower.next();
    clock.advance(5);
    expect(add(text('one '))).toEqual([
      { type: 'Event', message: 'm', seq: 1, at: clock.now(), event: text('one ') },
    ]);
    await follower.next();
    clock.advance(5);
    expect(add(text('two'))).toMatchObject([{ seq: 2, at: clock.now() }]);
    expect(open.tail.events.map(({ seq }) => seq)).toEqual([1, 2]);
    expect(String(open.text)).toBe('one two');
    expect(open.heardAt).toBe(clock.now());
  });

  test.each<[string[], string[]]>([
    [
      ['a\ud83d', '\ude00b'],
      ['a', '\u{1f600}b'],
    ],
    [['\ud83d', '\ude00'], ['\u{1f600}']],
    [
      ['a\ud83d', 'b'],
      ['a', '\ufffdb'],
    ],
    [['\ude00a'], ['\ufffda']],
    [
      ['\ud800\udc00\udbff', '\udfff'],
      ['\u{10000}', '\u{10ffff}'],
    ],
    [
      ['a\ud7ff', '\ue000'],
      ['a\ud7ff', '\ue000'],
    ],
    [[''], ['']],
  ])('of the texts %j has whole characters only: %j', (given, kept) => {
    for (const type of ['text', 'thought'] as const) {
      const { add } = setUp();
      expect(given.flatMap((text) => textsOf(add({ type, text })))).toEqual(kept);
    }
  });

  test('is not kept once they take more than 64 MiB, but for the answer and notes; one note says so', () => {
    const { add, open } = setUp();
    const large: TurnEvent = { type: 'tool', id: 't', output: 'x'.repeat(mebi) };
    const told = Array.from({ length: 70 }, () => eventsOf(add(large)));
    expect(told.slice(0, 63)).toEqual(Array.from({ length: 63 }, () => [large]));
    expect(told[63]).toEqual([
      large,
      {
        type: 'note',
        text: 'Its events take more than 64 MiB. From here on, only the text of the answer is kept.',
      },
    ]);
    expect(told.slice(64).flat()).toEqual([]);
    expect(open.seq).toBe(65);
    expect(add({ type: 'thought', text: 'hm' })).toEqual([]);
    expect(textsOf(add(text('answer')))).toEqual(['answer']);
    expect(textsOf(add({ type: 'note', text: 'It is sent again.' }))).toEqual(['It is sent again.']);
    for (let n = 0; n < 4; n += 1) add(text('x'.repeat(mebi)));
    expect(add(text('beyond the answer'))).toEqual([]);
  });
});

describe('what a turn has done', () => {
  const approval = (state: 'Pending' | 'Approved' | 'Denied' | 'Expired' | 'Cancelled'): TurnEvent => ({
    type: 'approval',
    id: 'p',
    title: 'touch made',
    state,
  });

  test.each<[TurnEvent, boolean]>([
    [text('x'), false],
    [{ type: 'thought', text: 'x' }, false],
    [{ type: 'plan', entries: [] }, false],
    [{ type: 'note', text: 'x' }, false],
    [approval('Pending'), false],
    [{ type: 'tool', id: 't' }, true],
    [{ type: 'background', source: 's', event: 1 }, true],
    [{ type: 'other', event: 1 }, true],
  ])('by %j is more than text: %s', (event, acted) => {
    const { add, open } = setUp();
    add(event);
    expect(open.acted).toBe(acted);
  });

  test.each<[TurnEvent[], string[], number]>([
    [[{ type: 'tool', id: 't' }], [], 0],
    [[tool('t', 'in_progress')], ['t'], 1],
    [[tool('t', 'in_progress'), tool('t', 'in_progress')], ['t'], 1],
    [[tool('t', 'in_progress'), tool('u', 'in_progress')], ['t', 'u'], 2],
    [[tool('t', 'in_progress'), tool('t', 'completed')], [], 1],
    [[tool('t', 'in_progress'), tool('t', 'failed')], [], 1],
    [[tool('t', 'completed')], [], 1],
    [[approval('Pending')], ['p'], 0],
    [[approval('Pending'), approval('Approved')], [], 0],
    [[approval('Pending'), approval('Denied')], [], 0],
  ])('by %j leaves %j open, of %i calls', (events, tools, calls) => {
    const { add, open } = setUp();
    for (const event of events) add(event);
    expect([...open.tools]).toEqual(tools);
    expect(open.calls).toBe(calls);
  });

  test('leaves no more than a thousand tool calls open', () => {
    const { add, open } = setUp();
    for (let n = 0; n < 1_001; n += 1) add(tool(`${n}`, 'in_progress'));
    expect(open.tools.size).toBe(1_000);
    expect(open.tools.has('1000')).toBe(false);
  });

  test.each([
    ['Denied', 'Permission was denied, and the agent broke its turn off: touch made'],
    ['Expired', 'Permission was not given in time, and the agent broke its turn off: touch made'],
    ['Approved', undefined],
    ['Cancelled', undefined],
    ['Pending', undefined],
  ] as const)('says of a permission that is %s: %s', (state, denied) => {
    const { add, open } = setUp();
    add(approval(state));
    expect(open.denied).toBe(denied);
    add(approval('Approved'));
    expect(open.denied).toBe(denied);
  });

  test('is forgotten with a new attempt, and not with another note', () => {
    const { add, open } = setUp();
    const all = [text('half\ud83d'), tool('t', 'in_progress'), approval('Denied')];
    for (const event of all) add(event);
    add({ type: 'note', text: 'moved' });
    const { text: answer, half, acted, tools, denied, calls } = open;
    expect([String(answer), half, acted, tools.size, denied !== undefined, calls]).toEqual([
      ...['half', '\ud83d', true, 1, true, 1],
    ]);
    add({ type: 'note', text: 'It is sent again.', attempt: 2 });
    expect(open).toMatchObject({ half: '', acted: false, denied: undefined, calls: 0 });
    expect([String(open.text), open.tools.size]).toEqual(['', 0]);
  });

  test('is found again in the journal, however many events it has', async () => {
    const { journal, log, open } = setUp();
    const numbers = Array.from({ length: 130 }, (_, n) => n + 1);
    await journal.commit([...accept(message('m')), ...numbers.map((seq) => event('m', seq, `${seq} `))]);
    log.replay(open);
    expect(open.seq).toBe(130);
    expect(String(open.text)).toBe(numbers.map((seq) => `${seq} `).join(''));
    expect(open.tail.events.map(({ seq }) => seq)).toEqual(numbers);
    const fresh = setUp();
    for (const seq of numbers) fresh.add(text(`${seq} `));
    expect(open.kept).toBe(fresh.open.kept);
  });
});

describe('an event after the end of a message', () => {
  const note = { type: 'note', text: 'What follows came after the end of the turn.' };
  const named = { message: 'm' };

  test('follows the others, behind one note', () => {
    const { add, clock, log, open } = setUp();
    add(text('one\ud83d'));
    log.ended(open);
    clock.advance(1_000);
    expect(log.late(agent, named, text('\ude00'))).toEqual([
      { type: 'Event', message: 'm', seq: 2, at: clock.now(), event: note },
      { type: 'Event', message: 'm', seq: 3, at: clock.now(), event: text('\u{1f600}') },
    ]);
    expect(log.late(agent, named, text('two'))).toMatchObject([{ seq: 4, event: text('two') }]);
  });

  test('wakes who follows the message', async () => {
    const { hub, log, open, end } = setUp();
    const follower = hub.follow('m', end.signal);
    await follower.next();
    log.ended(open);
    log.late(agent, named, text('x'));
    await follower.next();
  });

  test('is of no message of another Agent, of none that is open, and of none that is unknown', () => {
    const { log, open, opens } = setUp();
    expect(log.late(agent, named, text('x'))).toEqual([]);
    log.ended(open);
    expect(log.late({ ...agent, agent: 'b' }, named, text('x'))).toEqual([]);
    expect(log.late(agent, {}, text('x'))).toEqual([]);
    expect(log.late(agent, { session: 'other' }, text('x'))).toEqual([]);
    opens.set('m', open);
    expect(log.late(agent, named, text('x'))).toEqual([]);
  });

  test('is not kept where those before it take more than 1 MiB', () => {
    const { log, open } = setUp();
    log.ended(open);
    const large = text('x'.repeat(mebi));
    expect(eventsOf(log.late(agent, named, large))).toEqual([note, large]);
    expect(log.late(agent, named, text('x'))).toEqual([]);
  });

  test('of a message that ended before a restart is numbered by the journal, and found by its session', async () => {
    const { journal, log } = setUp();
    const ended = message('m', { state: 'Completed', endedAt: 2_000 });
    const numbers = Array.from({ length: 130 }, (_, n) => n + 1);
    await journal.commit([...accept(ended), ...numbers.map((seq) => event('m', seq))]);
    expect(log.late({ ...agent, agent: 'b' }, named, text('x'))).toEqual([]);
    expect(log.late(agent, { session: 's' }, text('x'))).toMatchObject([
      { message: 'm', seq: 131 },
      { message: 'm', seq: 132 },
    ]);
    expect(log.late(agent, { session: 's' }, text('x'))).toMatchObject([{ seq: 133 }]);
  });

  test('is remembered for the thousand messages that ended last', () => {
    const { log, open } = setUp();
    log.ended(open);
    const others = (count: number, from = 0): void => {
      for (let n = from; n < from + count; n += 1) log.ended({ ...opened(), message: message(`o${n}`) });
    };
    others(999);
    expect(log.late(agent, named, text('x'))).toHaveLength(2);
    log.ended(open);
    others(999, 1_000);
    expect(log.late(agent, named, text('x'))).toHaveLength(2);
    others(1, 2_000);
    expect(log.late(agent, named, text('x'))).toEqual([]);
  });
});
