import { describe, expect, test } from 'vitest';
import { until } from '../../contracts/protocol/world.ts';
import { able, begin, settle, talk, talkAgain } from './world.ts';

const login = { id: 'login', name: 'Log in', description: 'run `fake login`' };
const authRequired = { error: { code: -32000, message: 'Authentication required' } };

describe('the handshake of acp', () => {
  test('offers neither files nor terminals, and asks for a session in the working directory', async () => {
    const { agent } = await talk();
    expect(agent.sent('initialize')).toMatchObject([
      {
        id: '1.0',
        params: {
          protocolVersion: 1,
          clientInfo: { name: 'agentctl', version: '1.2.3' },
          clientCapabilities: {},
        },
      },
    ]);
    expect(agent.sent('session/new')).toMatchObject([
      { id: '1.1', params: { cwd: '/work', mcpServers: [] } },
    ]);
  });

  test('tells who the agent is and what it can do', async () => {
    const { host } = await talk({
      initialize: () => ({
        result: {
          protocolVersion: 1,
          agentInfo: { name: 'thinker', version: '7' },
          agentCapabilities: { loadSession: true },
        },
      }),
    });
    expect(host.of('ready')).toMatchObject([
      { agent: { name: 'thinker', version: '7' }, canResume: true, controls: { mcp: { status: 'Unknown' } } },
    ]);
  });

  test('takes an answer with nothing but the version', async () => {
    const { host } = await talk({ initialize: () => ({ result: { protocolVersion: 1 } }) });
    expect(host.of('ready')).toMatchObject([{ canResume: false }]);
    expect(host.of('ready')[0]).not.toHaveProperty('agent');
  });

  test.each([2, 0, '1', null, undefined])(
    'refuses an agent that speaks version %j',
    async (protocolVersion) => {
      const { host, agent } = begin({ initialize: () => ({ result: { protocolVersion } }) });
      await until(() => host.calls.length > 0);
      expect(host.calls).toEqual([
        { call: 'unready', value: { reason: 'Refused', message: expect.stringContaining('version 1') } },
      ]);
      expect(agent.sent('session/new')).toEqual([]);
    },
  );

  test('refuses an agent that answers with an error, with its words', async () => {
    const { host } = begin({
      initialize: () => ({
        error: { code: -32603, message: 'Internal error', data: { details: 'no disk' } },
      }),
    });
    await until(() => host.calls.length > 0);
    expect(host.of('unready')).toEqual([
      { reason: 'Refused', message: expect.stringMatching(/initialize.*Internal error: no disk/) },
    ]);
  });

  test('refuses an agent that makes a session without an id', async () => {
    const { host } = begin({ 'session/new': () => ({ result: {} }) });
    await until(() => host.calls.length > 0);
    expect(host.of('unready')).toMatchObject([{ reason: 'Refused' }]);
  });

  test('tells how to log in, and asks again every 30 s until it works', async () => {
    let loggedIn = false;
    const world = begin({
      ...able({}, { authMethods: [login] }),
      'session/new': () => (loggedIn ? { result: { sessionId: 'a' } } : authRequired),
    });
    const { host, clock, agent } = world;
    await until(() => host.of('unready').length === 1);
    expect(host.of('unready')).toEqual([
      { reason: 'AuthRequired', message: expect.stringContaining('Log in (run `fake login`)') },
    ]);
    clock.advance(29_999);
    await settle();
    expect(agent.sent('session/new')).toHaveLength(1);
    clock.advance(1);
    await until(() => host.of('unready').length === 2);
    loggedIn = true;
    clock.advance(30_000);
    await until(() => host.of('ready').length === 1);
    expect(agent.sent('initialize')).toHaveLength(1);
    expect(agent.sent('session/new')).toHaveLength(3);
    expect(agent.sent('authenticate')).toEqual([]);
  });

  test('asks again no more once it is closed', async () => {
    const { host, clock, connection, agent } = begin({ 'session/new': () => authRequired });
    await until(() => host.of('unready').length === 1);
    connection.close('the run has ended');
    expect(clock.waiting).toBe(0);
    clock.advance(60_000);
    await settle();
    expect(agent.sent('session/new')).toHaveLength(1);
  });

  test('has an agent take the key in its environment where it offers that', async () => {
    let used: unknown;
    const { host } = await talk({
      ...able({}, { authMethods: [login, { id: 'fake-api-key', name: 'Key' }] }),
      authenticate: ({ methodId }) => {
        used = methodId;
        return { result: {} };
      },
      'session/new': () => (used === undefined ? authRequired : { result: { sessionId: 'a' } }),
    });
    expect(used).toBe('fake-api-key');
    expect(host.of('unready')).toEqual([]);
  });

  test('says nothing where nothing can be written: the end of the run is seen elsewhere', async () => {
    const world = begin();
    world.breakPipe();
    await settle();
    expect(world.host.calls).toEqual([]);
  });

  test('passes over answers to an earlier connection of the same run, and to nobody', async () => {
    const first = await talk();
    const { host, connection } = await talkAgain(first);
    for (const id of ['1.0', '1.1', '2.0', 0, null, 'turn/m9/1'])
      connection.receive(JSON.stringify({ jsonrpc: '2.0', id, result: { sessionId: 'x' } }));
    await settle();
    expect(host.calls.map(({ call }) => call)).toEqual(['ready']);
  });

  test('an earlier connection that ended in its handshake is followed by another handshake', async () => {
    const first = begin({ initialize: () => undefined });
    first.connection.close('the controller ends');
    const second = begin({}, { epoch: '2' });
    await until(() => second.host.of('ready').length > 0);
    expect(second.agent.sent('initialize')).toMatchObject([{ id: '2.0' }]);
  });
});
