import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Facts, ProtocolError } from '../../src/protocols/protocol.ts';
import { type Harness, open, openReady, until } from './protocol/world.ts';

export type { FakeAgent, Harness } from './protocol/world.ts';

/** What every Protocol must keep. */
export function protocolContract(harness: Harness): void {
  const { protocol } = harness;

  test(`${protocol.name} has a transcript if it says so`, () => {
    expect(protocol.transcript !== undefined).toBe(protocol.capabilities.transcript);
  });

  describe(`${protocol.name} keeps the contract of Protocol: the handshake`, () => {
    test('nothing is written before connect returns', () => {
      expect(open(harness).written).toEqual([]);
    });

    test('it is ready once, with facts that can be stored', async () => {
      const { host } = await openReady(harness);
      const [facts, ...more] = host.of('ready');
      expect(more).toEqual([]);
      expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
      expect(facts).toMatchObject({
        canResume: expect.any(Boolean),
        controls: { model: {}, systemPrompt: {}, mcp: {} },
      });
    });

    test('a further connection to the run is ready by what the first has found, and writes nothing', async () => {
      const first = await openReady(harness);
      const facts = first.host.of('ready')[0] as Facts; // only `ready` adds them
      const second = open(harness, { facts, epoch: '2', agent: first.agent });
      await until(() => second.host.of('ready').length > 0);
      expect(second.host.calls).toEqual([{ call: 'ready', value: facts }]);
      expect(second.written).toEqual([]);
    });
  });

  describe(`${protocol.name} keeps the contract of Protocol: turns`, () => {
    test('a prompt reaches the agent, what it says is told at once, and the turn ends once', async () => {
      const { connection, agent, host, begin } = await openReady(harness);
      const turn = await begin({ message: 'm1', text: 'what is new?' });
      expect(agent.asked).toEqual(['what is new?']);
      connection.receive(agent.thought(turn, 'hm'));
      connection.receive(agent.text(turn, 'not '));
      connection.receive(agent.text(turn, 'much'));
      expect(host.events('m1')).toEqual([
        { type: 'thought', text: 'hm' },
        { type: 'text', text: 'not ' },
        { type: 'text', text: 'much' },
      ]);
      expect(host.results('m1')).toEqual([]);
      connection.receive(agent.ends(turn));
      expect(host.results('m1')).toEqual([expect.objectContaining({ state: 'Completed' })]);
      expect(host.of('garbage')).toEqual([]);
    });

    test('a tool call is told with its changes', async () => {
      const { connection, agent, host, begin } = await openReady(harness);
      const turn = await begin({ message: 'm1' });
      const tool = { id: 't1', title: 'read the news', kind: 'read' };
      connection.receive(agent.tool(turn, { ...tool, status: 'in_progress' }));
      connection.receive(agent.tool(turn, { ...tool, status: 'completed' }));
      expect(host.events('m1')).toMatchObject([
        { type: 'tool', ...tool, status: 'in_progress' },
        { type: 'tool', id: 't1', status: 'completed' },
      ]);
    });

    test('turns of several conversations go on at once, and nothing of one shows in another', async () => {
      const { connection, agent, host, begin } = await openReady(harness);
      const one = await begin({ message: 'm1' });
      const two = await begin({ message: 'm2' });
      connection.receive(agent.text(two, 'two'));
      connection.receive(agent.text(one, 'one'));
      connection.receive(agent.ends(two));
      connection.receive(agent.text(one, ' more'));
      connection.receive(agent.ends(one));
      expect(host.events('m1')).toEqual([
        { type: 'text', text: 'one' },
        { type: 'text', text: ' more' },
      ]);
      expect(host.events('m2')).toEqual([{ type: 'text', text: 'two' }]);
      expect(host.calls.filter(({ call }) => call === 'ended').map(({ message }) => message)).toEqual([
        'm2',
        'm1',
      ]);
    });

    test('the second turn of a conversation has what is said after it began', async () => {
      const { connection, agent, host, begin } = await openReady(harness);
      const one = await begin({ message: 'm1', conversation: 'c' });
      connection.receive(agent.ends(one));
      const two = await begin({ message: 'm2', conversation: 'c' });
      connection.receive(agent.text(two, 'second'));
      connection.receive(agent.ends(two));
      expect(host.events('m1')).toEqual([]);
      expect(host.events('m2')).toEqual([{ type: 'text', text: 'second' }]);
      expect(host.results('m1')).toHaveLength(1);
      expect(host.results('m2')).toHaveLength(1);
    });

    test('a turn that the agent fails has failed, with its words', async () => {
      const { connection, agent, host, begin } = await openReady(harness);
      const turn = await begin({ message: 'm1' });
      connection.receive(agent.fails(turn, 'no paper left'));
      expect(host.results('m1')).toEqual([
        {
          state: 'Failed',
          reason: expect.stringMatching(/^[A-Z][A-Za-z]+$/),
          message: expect.stringContaining('no paper left'),
        },
      ]);
    });

    test('what comes for a turn that has ended changes nothing', async () => {
      const { connection, agent, host, begin } = await openReady(harness);
      const turn = await begin({ message: 'm1' });
      const lines = [agent.text(turn, 'late'), agent.ends(turn)];
      connection.receive(agent.ends(turn));
      for (const line of lines) connection.receive(line);
      expect(host.results('m1')).toHaveLength(1);
      expect(host.events('m1')).toEqual([]);
    });

    test('usage is told with what it counts, and without what was not reported', async () => {
      const { connection, agent, host, begin } = await openReady(harness);
      const turn = await begin({ message: 'm1' });
      connection.receive(agent.usage(turn, 1200));
      connection.receive(agent.ends(turn));
      const [usage] = host.usages('m1');
      expect(usage?.counts).toMatch(/^(Turn|Session)$/);
      expect(Object.values(usage ?? {})).not.toContain(0);
      expect(JSON.stringify(usage)).toContain('1200');
    });

    test('a turn that is cancelled ends once, and its late end does not end it again', async () => {
      const { connection, agent, host, begin } = await openReady(harness);
      const turn = await begin({ message: 'm1' });
      connection.cancel('m1');
      connection.cancel('m1');
      connection.cancel('never heard of');
      await new Promise((resolve) => setImmediate(resolve));
      connection.receive(agent.ends(turn));
      connection.receive(agent.ends(turn));
      expect(host.results('m1')).toHaveLength(1);
    });
  });

  describe(`${protocol.name} keeps the contract of Protocol: a further connection to the same run`, () => {
    test('goes on with the turns of the one before', async () => {
      const first = await openReady(harness);
      const turn = await first.begin({ message: 'm1' });
      first.connection.receive(first.agent.text(turn, 'before'));
      first.connection.close('the controller ends');
      const facts = first.host.of('ready')[0] as Facts; // only `ready` adds them
      const second = open(harness, { facts, epoch: '2', turns: [turn], agent: first.agent });
      second.connection.receive(first.agent.text(turn, 'after'));
      second.connection.receive(first.agent.ends(turn));
      expect(second.host.events('m1')).toEqual([{ type: 'text', text: 'after' }]);
      expect(second.host.results('m1')).toEqual([expect.objectContaining({ state: 'Completed' })]);
      expect(second.host.of('garbage')).toEqual([]);
    });

    test('begins turns of its own beside them', async () => {
      const first = await openReady(harness);
      const old = await first.begin({ message: 'm1' });
      first.connection.close('the controller ends');
      const facts = first.host.of('ready')[0] as Facts; // only `ready` adds them
      const second = open(harness, { facts, epoch: '2', turns: [old], agent: first.agent });
      await until(() => second.host.of('ready').length > 0);
      const fresh = await second.begin({ message: 'm2' });
      second.connection.receive(first.agent.ends(fresh));
      expect(second.host.results('m1')).toEqual([]);
      expect(second.host.results('m2')).toHaveLength(1);
      second.connection.receive(first.agent.ends(old));
      expect(second.host.results('m1')).toHaveLength(1);
    });
  });

  describe(`${protocol.name} keeps the contract of Protocol: trouble`, () => {
    const noObjects = [
      '{"a":',
      'hello',
      '[]',
      '3',
      'null',
      '"text"',
      '{',
      '\u0000\u0001',
      `{"x":"${'y'.repeat(100)}`,
    ];

    test.each([...noObjects, ...harness.garbage])(
      '%j is told as garbage and does nothing else',
      async (line) => {
        const { connection, agent, host, begin, written } = await openReady(harness);
        const turn = await begin({ message: 'm1' });
        const [before, lines] = [host.calls.length, written.length];
        connection.receive(line);
        expect(host.calls.slice(before)).toEqual([
          { call: 'garbage', value: { line: line.slice(0, 500), why: expect.stringMatching(/\w+/) } },
        ]);
        expect(written).toHaveLength(lines);
        connection.receive(agent.ends(turn));
        expect(host.results('m1')).toHaveLength(1);
      },
    );

    test('of a long line that means nothing only the beginning is told', async () => {
      const { connection, host } = await openReady(harness);
      connection.receive('x'.repeat(4 * 2 ** 20));
      expect(host.of('garbage')).toEqual([expect.objectContaining({ line: 'x'.repeat(500) })]);
    });

    test('a line of 4 MiB is taken whole', async () => {
      const { connection, agent, host, begin } = await openReady(harness);
      const turn = await begin({ message: 'm1' });
      const text = 'y'.repeat(4 * 2 ** 20);
      connection.receive(agent.text(turn, text));
      expect(host.events('m1')).toEqual([{ type: 'text', text }]);
    });

    test('whatever comes, receive does not throw and ends no turn', async () => {
      const { connection, host, begin } = await openReady(harness);
      await begin({ message: 'm1' });
      const lines = fc.oneof(
        fc.string(),
        fc.json(),
        fc.object().map((value) => JSON.stringify(value)),
      );
      fc.assert(fc.property(lines, (line) => connection.receive(line)));
      expect(host.results('m1')).toEqual([]);
    });

    test('a prompt that does not get into the pipe is rejected', async () => {
      const { begin, breakPipe, host } = await openReady(harness);
      await begin({ message: 'm1', conversation: 'c' });
      breakPipe();
      await expect(begin({ message: 'm2' })).rejects.toThrow();
      expect(host.results('m2')).toEqual([]);
    });

    test('lines that cannot be written, and need no answer, throw nothing', async () => {
      const { connection, breakPipe, begin } = await openReady(harness);
      await begin({ message: 'm1' });
      breakPipe();
      connection.peers([{ id: 'bob', capabilities: [] }]);
      connection.cancel('m1');
      connection.decide('no such permission', 'Allow');
      connection.closeSession('no such session');
      connection.shutdown();
      await new Promise((resolve) => setImmediate(resolve));
    });

    test('after close nothing is told any more, and what is asked for is Closed', async () => {
      const { connection, agent, host, begin } = await openReady(harness);
      const turn = await begin({ message: 'm1' });
      const before = host.calls.length;
      connection.close('the run has ended');
      connection.receive(agent.text(turn, 'late'));
      connection.receive(agent.ends(turn));
      connection.receive('garbage');
      connection.cancel('m1');
      connection.shutdown();
      await expect(begin({ message: 'm2' })).rejects.toThrow('the run has ended');
      expect(host.calls).toHaveLength(before);
    });

    test('a query is asked of the agent, or is Unsupported', async () => {
      const { connection, clock } = await openReady(harness);
      const asked = connection.query('status', {}, { timeout: 1000 });
      const expected = expect(asked).rejects.toMatchObject({
        code: protocol.capabilities.queries ? 'Timeout' : 'Unsupported',
      });
      clock.advance(1000);
      await expected;
      await expect(asked).rejects.toBeInstanceOf(ProtocolError);
    });

    test('a query that waits when the connection closes is Closed, with the reason', async () => {
      if (!protocol.capabilities.queries) return;
      const { connection } = await openReady(harness);
      const asked = connection.query('status', {}, { timeout: 1000 });
      const expected = expect(asked).rejects.toMatchObject({
        code: 'Closed',
        message: expect.stringContaining('the run has ended'),
      });
      connection.close('the run has ended');
      await expected;
    });
  });
}
