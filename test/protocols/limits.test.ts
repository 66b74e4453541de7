import { describe, expect, test } from 'vitest';
import { until, type World } from '../contracts/protocol/world.ts';
import { begin as greet, talk } from './acp/world.ts';
import { readyWorld } from './jsonl-world.ts';

const says = ({ connection }: World, line: object): void => connection.receive(JSON.stringify(line));
const long = 'x'.repeat(100_000);

describe('what a jsonl agent sends', () => {
  test.each([
    { type: 'route_request', requestId: long, toId: 'bob', message: 'hi' },
    { type: 'route_request', requestId: 'r', toId: long, message: 'hi' },
    { type: 'mgmt_request', requestId: long, action: 'list' },
    { type: 'mgmt_request', requestId: 'r', action: long },
    { type: 'ack', messageId: long },
    { type: 'bg_event', source: long, event: {} },
    { type: 'usage', cost: { amount: 1, currency: long } },
  ])('means nothing where an id of it is too long: %#', async (line) => {
    const world = await readyWorld();
    says(world, line);
    expect(world.host.of('garbage')).toHaveLength(1);
    expect(world.host.calls.map(({ call }) => call)).toEqual(['ready', 'garbage']);
  });

  test('is cut where it is for people', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1' });
    const event = { type: 'tool', id: long, title: long, kind: long, output: long };
    says(world, { type: 'event', messageId: 'm1', event });
    says(world, { type: 'usage', messageId: 'm1', model: long, inputTokens: 1 });
    says(world, { type: 'error', messageId: 'm1', error: long });
    expect(JSON.stringify(world.host.calls).length).toBeLessThan(80_000);
    expect(world.host.results('m1')).toHaveLength(1);
  });
});

describe('what an ACP agent sends', () => {
  test('is no request where its id is too long to be answered', async () => {
    const { connection, agent, host, begin } = await talk();
    const line = JSON.parse(agent.asks(await begin({ message: 'm1' }), 1, { toolCallId: 't' }));
    connection.receive(JSON.stringify({ ...line, id: long }));
    expect(host.of('permission')).toEqual([]);
    expect(host.of('garbage')).toHaveLength(1);
  });

  test('is cut where it is for people, and plans have so many entries', async () => {
    const { connection, agent, host, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    const tool = { sessionUpdate: 'tool_call', toolCallId: 't', title: long, kind: long, rawInput: long };
    const entries = Array.from({ length: 1_000 }, () => ({ content: long, status: long }));
    connection.receive(agent.update(turn, tool));
    connection.receive(agent.update(turn, { sessionUpdate: 'plan', entries }));
    expect(JSON.stringify(host.calls).length).toBeLessThan(150_000);
  });

  test('session/new may not name a session that is too long to be kept', async () => {
    const { host } = greet({ 'session/new': () => ({ result: { sessionId: long } }) });
    await until(() => host.calls.length > 0);
    expect(host.calls.map(({ call }) => call)).toEqual(['unready']);
    expect(JSON.stringify(host.calls).length).toBeLessThan(1_000);
  });
});
