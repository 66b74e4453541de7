import { describe, expect, test } from 'vitest';
import type { Agent } from '../../src/api/objects.ts';
import { Peers } from '../../src/conversations/peers.ts';
import type { Peer } from '../../src/protocols/turn-events.ts';
import { message } from '../messages/entries.ts';
import { agentOf } from '../plan/worlds.ts';
import { bench, linkOf } from './bench.ts';

const named = (
  name: string,
  spec: Parameters<typeof agentOf>[0] = {},
  more: Partial<Agent['metadata']> = {},
): Agent => agentOf({ protocol: 'jsonl', ...spec }, { name, ...more });

/** Agent `me` may ask others. */
function setUp() {
  const at = bench();
  const me = at.add(named('me', { fleetAccess: 'Peers' }));
  const peers = new Peers(at.context, at.talk);
  const ask = (to: string, { from = me as Agent | undefined, hops = 0 } = {}) =>
    peers.target(from, to, { hops, parent: undefined });
  return { ...at, me, peers, ask };
}

describe('a question to another agent', () => {
  test.each(['other', 'default/other'])('reaches it under the name %s', (to) => {
    const { add, ask } = setUp();
    const other = add(named('other'));
    expect(ask(to)).toBe(other);
  });

  test.each<[string, Parameters<typeof agentOf>[0], Partial<Agent['metadata']>]>([
    ['it is being deleted', {}, { deletionTimestamp: '2026-03-02T12:00:00Z' }],
    ['it is suspended', { suspend: true }, {}],
    ['its spec.replicas is 0', { replicas: 0 }, {}],
  ])('is refused where %s, of the one that is asked and of the one that asks', (why, spec, metadata) => {
    const { add, ask } = setUp();
    add(named('other', spec, metadata));
    expect(() => ask('other')).toThrow(
      expect.objectContaining({
        code: 'ServiceUnavailable',
        message: `Agent other does not accept messages now: ${why}.`,
      }),
    );
    const from = named('me', { fleetAccess: 'Peers', ...spec }, metadata);
    expect(() => ask('other', { from })).toThrow(
      expect.objectContaining({ code: 'Forbidden', message: `me may not send messages: ${why}.` }),
    );
  });

  test('is refused where its agent has no access to the fleet, or is gone', () => {
    const { ask } = setUp();
    const why = 'may not send messages: its spec.fleetAccess is None.';
    const from = named('me', { fleetAccess: 'None' });
    expect(() => ask('other', { from })).toThrow(`me ${why}`);
    const { peers } = setUp();
    expect(() => peers.target(undefined, 'other', { hops: 0, parent: undefined })).toThrow(
      `This agent ${why}`,
    );
  });

  test.each(['Failed', 'Completed'] as const)(
    'is refused where the other is %s, with its message',
    (phase) => {
      const { add, ask } = setUp();
      add({ ...named('other'), status: { phase, message: 'Exit code 3.' } } as Agent); // no more of it is read
      expect(() => ask('other')).toThrow(
        `Agent other does not accept messages now: it is ${phase}: Exit code 3..`,
      );
      add({ ...named('other'), status: { phase } } as Agent); // no more of it is read
      expect(() => ask('other')).toThrow(`now: it is ${phase}: .`);
    },
  );

  test.each(['Pending', 'Ready', 'Asleep', 'BackOff'])('is accepted where the other is %s', (phase) => {
    const { add, ask } = setUp();
    const other = add({ ...named('other'), status: { phase, message: 'm' } } as Agent); // no more of it is read
    expect(ask('other')).toBe(other);
  });

  test('is refused where the spec of the other was not accepted, and not for another condition', () => {
    const { add, ask } = setUp();
    const withCondition = (type: string, status: string) =>
      add({
        ...named('other'),
        status: { conditions: [{ type, status, message: 'no such image' }] },
      } as unknown as Agent); // no more of it is read
    withCondition('Accepted', 'False');
    expect(() => ask('other')).toThrow('Agent other does not accept messages now: no such image.');
    for (const [type, status] of [
      ['Accepted', 'True'],
      ['Accepted', 'Unknown'],
      ['Ready', 'False'],
    ] as const) {
      const other = withCondition(type, status);
      expect(ask('other')).toBe(other);
    }
  });

  test('is refused once it has passed eight agents', () => {
    const { add, ask } = setUp();
    const other = add(named('other'));
    expect(ask('other', { hops: 7 })).toBe(other);
    expect(() => ask('other', { hops: 8 })).toThrow(
      'The question has passed 8 agents already, the limit. They ask each other in a circle.',
    );
  });

  test('to an unknown name lists those of its namespace that have a protocol, by name', () => {
    const { add, ask, agents } = setUp();
    add(named('zoe'));
    add(named('bob'));
    add(named('mute', { protocol: 'none' }));
    add(named('far', {}, { namespace: 'elsewhere' }));
    for (const to of ['nobody', 'elsewhere/far'])
      expect(() => ask(to)).toThrow(
        expect.objectContaining({
          code: 'NotFound',
          message: `There is no agent ${to}. There are bob, me, zoe.`,
        }),
      );
    agents.clear();
    expect(() => ask('nobody')).toThrow('There is no agent nobody. There are none to ask.');
  });

  test('to an unknown name lists at most twenty', () => {
    const { add, ask } = setUp();
    for (let n = 10; n < 31; n += 1) add(named(`a${n}`));
    expect(() => ask('nobody')).toThrow(/ a10, .*a29, … and 2 more\.$/);
  });
});

describe('a question that came through the agent that it asks', () => {
  /** Agent `other` works on message `m`, and is asked in its turn. */
  function inCircle({ perInstance = 1, state = 'Ready', of = 'other' } = {}) {
    const at = setUp();
    const other = at.add(named('other', { conversations: { perInstance } }));
    const parent = message('m', { agent: of });
    const link = linkOf({ state }, { agent: 'other', uid: 'o' });
    at.talk.links.set('o', link);
    const asked = () => at.peers.target(at.me, 'other', { hops: 1, parent });
    return { ...at, other, asked };
  }

  test('is accepted where it has a free place, and refused where none is Ready', () => {
    const { asked, other } = inCircle();
    expect(asked()).toBe(other);
    expect(inCircle({ state: 'Connecting' }).asked).toThrow(
      expect.objectContaining({
        code: 'Conflict',
        message:
          'Agent other waits for the answer to this very question, and works on no more conversations at once: its spec.conversations.perInstance is 1.',
      }),
    );
  });

  test('is refused where all places are taken: it would wait for itself', () => {
    const { asked, talk, other } = inCircle({ perInstance: 0 });
    expect(asked).toThrow('waits for the answer to this very question');
    talk.links.set('p', linkOf({}, { agent: 'third', uid: 'p' }));
    expect(asked).toThrow('waits for the answer to this very question');
    expect(inCircle({ perInstance: 0, of: 'third' }).asked()).toEqual(other);
  });
});

describe('the peers of an agent', () => {
  function told() {
    const at = setUp();
    const heard: (readonly Peer[])[] = [];
    const connection = { peers: (peers: readonly Peer[]) => heard.push(peers) };
    const link = linkOf({ connection }, { agent: 'me', uid: 'me-uid' });
    at.talk.links.set('me-uid', link);
    return { ...at, link, heard };
  }

  test('are the others of its namespace that have a protocol and stay, by name', () => {
    const { add, peers, link, heard } = told();
    add(named('zoe', { model: 'm1', systemPrompt: 'You test.\nMore.', capabilities: ['test'] }));
    add(named('bob'));
    add(named('mute', { protocol: 'none' }));
    add(named('far', {}, { namespace: 'elsewhere' }));
    add(named('gone', {}, { deletionTimestamp: '2026-03-02T12:00:00Z' }));
    peers.sendTo(link);
    expect(heard).toEqual([
      [
        { id: 'bob', model: undefined, identity: undefined, capabilities: [] },
        { id: 'zoe', model: 'm1', identity: 'You test.', capabilities: ['test'] },
      ],
    ]);
  });

  test('are told again only where they have changed', () => {
    const { add, peers, link, heard } = told();
    peers.sendTo(link);
    peers.sendTo(link);
    expect(heard).toEqual([[]]);
    add(named('bob'));
    peers.sendTo(link);
    expect(heard.at(-1)).toMatchObject([{ id: 'bob' }]);
  });

  test('are not told to an agent without access to the fleet, nor to one that is gone', () => {
    const { add, agents, peers, link, heard } = told();
    add(named('me', { fleetAccess: 'None' }));
    peers.sendTo(link);
    agents.clear();
    peers.sendTo(link);
    expect(heard).toEqual([]);
  });

  test('are told after a pause once for many changes, to runs that are ready, and again after the next', () => {
    const { clock, add, peers, link, heard } = told();
    peers.changed();
    add(named('bob'));
    peers.changed();
    expect(heard).toEqual([]);
    clock.advance(50);
    expect(heard).toMatchObject([[{ id: 'bob' }]]);
    add(named('zoe'));
    peers.changed();
    link.state = 'Connecting';
    clock.advance(50);
    expect(heard).toHaveLength(1);
    link.state = 'Ready';
    peers.changed();
    clock.advance(50);
    expect(heard.at(-1)).toMatchObject([{ id: 'bob' }, { id: 'zoe' }]);
  });
});
