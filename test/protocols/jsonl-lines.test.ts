import { describe, expect, test } from 'vitest';
import type { Facts } from '../../src/protocols/protocol.ts';
import { open, until } from '../contracts/protocol/world.ts';
import { harness, lastWritten, readyWorld, says } from './jsonl-world.ts';

describe('what is written to the agent', () => {
  test('a message of a person is a chat', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', conversation: 'c', from: 'ann', text: 'a\nb' });
    expect(world.written).toEqual([
      '{"type":"chat","messageId":"m1","fromId":"ann","message":"a\\nb","conversationId":"c"}',
    ]);
  });

  test.each(['Scheduled', 'Prompt'] as const)('a message of the kind %s is a chat too', async (kind) => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', kind });
    expect(lastWritten(world)).toMatchObject({ type: 'chat', messageId: 'm1' });
  });

  test('a question of another agent is a route, whose requestId is its messageId', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', conversation: 'c', kind: 'Route', from: 'bob', text: 'well?' });
    expect(lastWritten(world)).toEqual({
      type: 'route',
      messageId: 'm1',
      requestId: 'm1',
      fromId: 'bob',
      message: 'well?',
      conversationId: 'c',
    });
  });

  test('peers have every field that a worker may take for granted', async () => {
    const world = await readyWorld();
    world.connection.peers([
      { id: 'bob', capabilities: ['sums'] },
      { id: 'eve', model: 'm', identity: 'You are Eve.', capabilities: [] },
    ]);
    expect(lastWritten(world)).toEqual({
      type: 'peers_update',
      peers: [
        { id: 'bob', model: '', identity: '', capabilities: ['sums'] },
        { id: 'eve', model: 'm', identity: 'You are Eve.', capabilities: [] },
      ],
    });
  });

  test('answers go back under the id of their request', async () => {
    const world = await readyWorld();
    await world.connection.routed('r1', { response: '12' });
    await world.connection.routed('r2', { error: 'there is no such agent' });
    await world.connection.managed('r3', { response: [{ id: 'bob' }] });
    await world.connection.managed('r4', { error: 'not allowed' });
    expect(world.written.map((line) => JSON.parse(line))).toEqual([
      { type: 'route_response', requestId: 'r1', response: '12' },
      { type: 'route_response', requestId: 'r2', error: 'there is no such agent' },
      { type: 'mgmt_response', requestId: 'r3', response: [{ id: 'bob' }] },
      { type: 'mgmt_response', requestId: 'r4', error: 'not allowed' },
    ]);
  });

  test('an answer that does not reach the agent is told to have failed', async () => {
    const world = await readyWorld();
    world.breakPipe();
    await expect(world.connection.routed('r1', { response: '12' })).rejects.toThrow('the pipe is broken');
  });

  test('shutdown is one line', async () => {
    const world = await readyWorld();
    world.connection.shutdown();
    expect(lastWritten(world)).toEqual({ type: 'shutdown' });
  });
});

describe('ready', () => {
  test('without fields leaves open what the agent takes', async () => {
    const { host } = await readyWorld();
    expect(host.of('ready')[0]).toMatchObject({
      canResume: false,
      controls: {
        model: { status: 'Unknown' },
        systemPrompt: { status: 'Unknown' },
        mcp: { status: 'True' },
      },
    });
  });

  test('says what the agent is and takes', async () => {
    const agent = { name: 'bob', version: '3' };
    const { host } = await readyWorld({
      agent,
      canResume: true,
      controls: { model: true, systemPrompt: false },
    });
    expect(host.of('ready')[0]).toMatchObject({
      agent,
      canResume: true,
      controls: { model: { status: 'True' }, systemPrompt: { status: 'False' } },
    });
  });

  test('a second time in the same run is passed over, and turns go on', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', conversation: 'c' });
    says(world, 'ready', { canResume: true });
    says(world, 'chat_done', { conversationId: 'c' });
    expect(world.host.calls.map(({ call }) => call)).toEqual(['ready', 'ended']);
  });

  test('is not told by facts where the connection is closed before', async () => {
    const facts = (await readyWorld()).host.of('ready')[0] as Facts; // only `ready` adds them
    const world = open(harness(), { facts });
    world.connection.close('the run has ended');
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.host.calls).toEqual([]);
  });

  test('after facts of an earlier connection is passed over', async () => {
    const facts = (await readyWorld()).host.of('ready')[0] as Facts; // only `ready` adds them
    const world = open(harness(), { facts });
    says(world, 'ready');
    await until(() => world.host.calls.length > 0);
    expect(world.host.of('ready')).toEqual([facts]);
  });
});

describe('sessions', () => {
  test.each([
    { canResume: false, session: undefined, live: false, how: 'New' },
    { canResume: false, session: 'c', live: true, how: 'Live' },
    { canResume: false, session: 'c', live: false, how: 'New' },
    { canResume: true, session: 'c', live: false, how: 'Loaded' },
  ])('are the conversation itself: %j', async ({ canResume, how, ...conversation }) => {
    const { connection } = await readyWorld({ canResume });
    expect(await connection.session({ id: 'c', workingDir: '/work', ...conversation })).toEqual({
      session: 'c',
      how,
    });
  });
});

describe('requests of the agent', () => {
  test('to ask another name the turn that they are made in, where that can be told', async () => {
    const world = await readyWorld();
    const request = { requestId: 'r', toId: 'bob', message: 'well?' };
    says(world, 'route_request', request);
    await world.begin({ message: 'm1', conversation: 'c1' });
    says(world, 'route_request', request);
    await world.begin({ message: 'm2', conversation: 'c2' });
    says(world, 'route_request', request);
    says(world, 'route_request', { ...request, conversationId: 'c2' });
    says(world, 'route_request', { ...request, messageId: 'm1' });
    const told = { requestId: 'r', to: 'bob', text: 'well?' };
    expect(world.host.of('route')).toEqual(
      [undefined, 'm1', undefined, 'm2', 'm1'].map((message) => ({ ...told, message })),
    );
  });

  test('to manage agents carry their own fields', async () => {
    const world = await readyWorld();
    says(world, 'mgmt_request', { requestId: 'r1', action: 'spawn', name: 'eve', content: 'kind: Agent' });
    says(world, 'mgmt_request', { requestId: 'r2', action: 'list' });
    expect(world.host.of('manage')).toEqual([
      { requestId: 'r1', action: 'spawn', params: { name: 'eve', content: 'kind: Agent' } },
      { requestId: 'r2', action: 'list', params: {} },
    ]);
  });
});

describe('queries', () => {
  test('many at once have each their own answer', async () => {
    const world = await readyWorld();
    const { connection } = world;
    const asked = [1, 2, 3].map((n) => connection.query('double', { n }, { timeout: 1000 }));
    const ids = world.written
      .map((line) => JSON.parse(line))
      .map(({ requestId, params }) => ({ requestId, n: params.n }));
    for (const { requestId, n } of ids.toReversed())
      says(world, 'query_response', { requestId, data: n * 2 });
    expect(await Promise.all(asked)).toEqual([2, 4, 6]);
    expect(world.clock.waiting).toBe(0);
  });

  test('that the agent refuses have failed with its words', async () => {
    const world = await readyWorld();
    const asked = world.connection.query('status', undefined, { timeout: 1000 });
    expect(lastWritten(world)).toEqual({ type: 'query', requestId: '1.1', action: 'status', params: {} });
    says(world, 'query_response', { requestId: '1.1', error: 'not now' });
    await expect(asked).rejects.toMatchObject({ code: 'Failed', message: 'not now' });
  });

  test('are not answered by what is said to an earlier connection’s, nor twice, nor late', async () => {
    const facts = (await readyWorld()).host.of('ready')[0] as Facts; // only `ready` adds them
    const world = open(harness(), { facts, epoch: '2' });
    const asked = world.connection.query('status', {}, { timeout: 1000 });
    says(world, 'query_response', { requestId: '1.1', data: 'old' });
    says(world, 'query_response', { requestId: '2.1', data: 'new' });
    says(world, 'query_response', { requestId: '2.1', data: 'again' });
    expect(await asked).toBe('new');
    const late = world.connection.query('status', {}, { timeout: 1000 });
    world.clock.advance(1000);
    await expect(late).rejects.toMatchObject({
      code: 'Timeout',
      message:
        'the agent did not answer the query within 1s: check that it handles query lines, or set a longer --timeout',
    });
    says(world, 'query_response', { requestId: '2.2', data: 'late' });
    expect(world.host.of('garbage')).toEqual([]);
  });

  test('that do not get into the pipe are Closed', async () => {
    const world = await readyWorld();
    world.breakPipe();
    await expect(world.connection.query('status', {}, { timeout: 1000 })).rejects.toMatchObject({
      code: 'Closed',
    });
    expect(world.clock.waiting).toBe(0);
  });
});

describe('what else an agent tells', () => {
  test('an acknowledgement is passed on', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1' });
    says(world, 'ack', { messageId: 'm1' });
    expect(world.host.of('acknowledged', 'm1')).toHaveLength(1);
  });

  test('events of another shape are passed on as they are', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1' });
    const events = [
      { type: 'image', url: 'x' },
      { no: 'type' },
      { type: 'text', text: 7 },
      { type: 'tool', name: 'ls' },
    ];
    for (const event of events) says(world, 'event', { messageId: 'm1', event });
    expect(world.host.events('m1')).toEqual(events.map((event) => ({ type: 'other', event })));
  });

  test('usage is of its turn, else of none, and has only what was reported', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', conversation: 'c' });
    says(world, 'usage', {
      conversationId: 'c',
      model: 'm',
      inputTokens: 3,
      cost: { amount: 0.5, currency: 'EUR' },
      outputTokens: null,
    });
    says(world, 'usage', { messageId: 'm0', totalTokens: 0, counts: 'session' });
    expect(world.host.calls.slice(1)).toEqual([
      {
        call: 'usage',
        message: 'm1',
        value: { model: 'm', inputTokens: 3, cost: { amount: 0.5, currency: 'EUR' }, counts: 'Turn' },
      },
      { call: 'usage', value: { totalTokens: 0, counts: 'Session' } },
    ]);
  });

  test.each([
    { cost: { amount: 1.7e308, currency: 'USD' } },
    { cost: { amount: 1.1e12, currency: 'USD' } },
    { inputTokens: 9e15 },
  ])('usage %j, of which no sum means anything, is a line that means nothing', async (used) => {
    const world = await readyWorld();
    await world.begin({ message: 'm1' });
    world.connection.receive(JSON.stringify({ type: 'usage', messageId: 'm1', ...used }));
    expect(world.host.calls.slice(1)).toMatchObject([{ call: 'garbage' }]);
  });

  test.each([
    ['2026-03-01T12:00:00+01:00', Date.parse('2026-03-01T11:00:00Z')],
    [1772366400000, 1772366400000],
  ])('a quota is used up until %s', async (until, instant) => {
    const world = await readyWorld();
    says(world, 'quota', { until, message: 'all gone' });
    says(world, 'quota', { message: 'all gone' });
    expect(world.host.of('quota')).toEqual([
      { until: instant, message: 'all gone' },
      { message: 'all gone' },
    ]);
  });

  test('an error of no turn is a note, and ends none', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1' });
    says(world, 'error', { error: 'the disk is full' });
    expect(world.host.calls.at(-1)).toEqual({
      call: 'event',
      message: undefined,
      value: { type: 'note', text: 'the disk is full' },
    });
    expect(world.host.results('m1')).toEqual([]);
  });

  test('empty lines mean nothing', async () => {
    const world = await readyWorld();
    for (const line of ['', ' ', '\t\r']) world.connection.receive(line);
    expect(world.host.of('garbage')).toEqual([]);
  });
});
