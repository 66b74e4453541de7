import { describe, expect, test } from 'vitest';
import type { ConnectOptions, Facts } from '../../../src/protocols/protocol.ts';
import type { Answers } from '../../fakes/acp-agent.ts';
import { able, begin, settle, type Talk, talk, talkAgain } from './world.ts';

const old = { id: 'c', session: 'old', live: false, workingDir: '/work' };
const fresh = { id: 'c', live: false, workingDir: '/work' };
const loads = able({ loadSession: true });

const controls = ({ host }: Talk): Facts['controls'] => (host.of('ready')[0] as Facts).controls; // only `ready` adds them

const models = {
  id: 'the-model',
  name: 'Model',
  category: 'model',
  type: 'select',
  currentValue: 'small',
  options: [
    { value: 'small', name: 'Small' },
    { value: 'large', name: 'Large' },
  ],
};
const withModels = (configOption: object = models, more: Answers = {}): Answers => ({
  'session/new': () => ({
    result: { sessionId: 'n', configOptions: [{ id: 'mode', category: 'mode' }, configOption] },
  }),
  'session/set_config_option': () => ({ result: { configOptions: [] } }),
  ...more,
});

describe('sessions of acp', () => {
  test('the first conversation has the session of the handshake, the next one its own', async () => {
    const { connection, agent } = await talk();
    await expect(connection.session(fresh)).resolves.toEqual({ session: 's1', how: 'New' });
    await expect(connection.session({ ...fresh, id: 'd' })).resolves.toEqual({ session: 's2', how: 'New' });
    expect(agent.sent('session/new')).toHaveLength(2);
  });

  test('each works in the folder of its conversation', async () => {
    const { connection, agent } = await talk(loads);
    const other = { ...fresh, id: 'd', workingDir: '/work/other' };
    await expect(connection.session(other)).resolves.toEqual({ session: 's2', how: 'New' });
    await connection.session({ ...old, workingDir: '/work/old' });
    await expect(connection.session(fresh)).resolves.toEqual({ session: 's1', how: 'New' });
    const folders = (method: string) => agent.sent(method).map(({ params }) => params);
    expect(folders('session/new')).toMatchObject([{ cwd: '/work' }, { cwd: '/work/other' }]);
    expect(folders('session/load')).toMatchObject([{ sessionId: 'old', cwd: '/work/old' }]);
  });

  test('one that is live is as it is', async () => {
    const { connection, agent } = await talk(loads);
    const lines = agent.lines.length;
    await expect(connection.session({ ...old, live: true })).resolves.toEqual({
      session: 'old',
      how: 'Live',
    });
    expect(agent.lines).toHaveLength(lines);
  });

  test('one of an earlier run is loaded', async () => {
    const { connection, agent } = await talk(loads);
    await expect(connection.session(old)).resolves.toEqual({ session: 'old', how: 'Loaded' });
    expect(agent.sent('session/load')).toMatchObject([
      { params: { sessionId: 'old', cwd: '/work', mcpServers: [] } },
    ]);
  });

  test('it is resumed, without its history, where the agent can', async () => {
    const { connection, agent } = await talk(
      able({ loadSession: true, sessionCapabilities: { resume: {} } }),
    );
    await expect(connection.session(old)).resolves.toEqual({ session: 'old', how: 'Loaded' });
    expect(agent.sent('session/resume')).toHaveLength(1);
    expect(agent.sent('session/load')).toEqual([]);
  });

  const resumes = able({ loadSession: true, sessionCapabilities: { resume: {} } });
  const refusing =
    (code: number, message: string): (() => { error: object }) =>
    () => ({
      error: { code, message },
    });

  test('one that cannot be resumed is loaded', async () => {
    const { connection, agent } = await talk({
      ...resumes,
      'session/resume': refusing(-32601, 'Method not found'),
    });
    await expect(connection.session(old)).resolves.toEqual({ session: 'old', how: 'Loaded' });
    expect(agent.sent('session/load')).toHaveLength(1);
  });

  test.each([
    [-32002, 'Resource not found', 'LoadRefused'],
    [-32602, 'Invalid params', 'LoadRefused'],
    [-32603, 'Internal error: session s1 not found', 'LoadRefused'],
    [-32603, 'Internal error: the database is locked', 'LoadFailed'],
    [-32000, 'log in', 'AuthRequired'],
  ])('a refusal %d "%s" is %s', async (code, message, reason) => {
    const { connection } = await talk({ ...loads, 'session/load': refusing(code, message) });
    await expect(connection.session(old)).rejects.toMatchObject({ code: reason });
  });

  test('one that the agent does not answer is Timeout; while it tells of it, it has more time', async () => {
    const world = await talk({ ...loads, 'session/load': () => undefined });
    const { connection, agent, clock } = world;
    const waiting = connection.session(old).catch((error: unknown) => error);
    await settle();
    clock.advance(59_000);
    connection.receive(agent.update({ session: 'old' }, { sessionUpdate: 'plan', entries: [] }));
    clock.advance(1_000);
    await settle();
    clock.advance(60_000);
    await expect(waiting).resolves.toMatchObject({
      code: 'Timeout',
      message: 'The agent did not answer session/load within 120 s.',
    });
    await expect(connection.session(fresh)).resolves.toMatchObject({ how: 'New' });
  });

  test('an agent that can load none gives a new one', async () => {
    const { connection } = await talk();
    await expect(connection.session(old)).resolves.toEqual({ session: 's1', how: 'New' });
  });

  test('history that is replayed while it is loaded is not told', async () => {
    const world: Talk = await talk({
      ...loads,
      'session/load': () => {
        for (const update of [
          { sessionUpdate: 'user_message_chunk', content: { type: 'text', text: 'asked' } },
          { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'said' } },
          { sessionUpdate: 'tool_call', toolCallId: 't', title: 'did' },
          { sessionUpdate: 'usage_update', used: 1, size: 2 },
        ])
          world.connection.receive(world.agent.update({ session: 'old' }, update));
        return { result: {} };
      },
    });
    await world.connection.session(old);
    expect(world.host.calls.map(({ call }) => call)).toEqual(['ready']);
  });

  test('an agent that refuses to load one is LoadRefused, with the reason', async () => {
    const { connection } = await talk({
      ...loads,
      'session/load': () => ({ error: { code: -32002, message: 'no such thing' } }),
    });
    await expect(connection.session(old)).rejects.toMatchObject({
      name: 'ProtocolError',
      code: 'LoadRefused',
      message: expect.stringContaining('no such thing'),
    });
  });

  test('an agent that has lost its login meanwhile is AuthRequired, and not LoadRefused', async () => {
    const { connection } = await talk({
      ...loads,
      'session/load': () => ({ error: { code: -32000, message: 'log in' } }),
    });
    await expect(connection.session(old)).rejects.toMatchObject({ code: 'AuthRequired' });
  });

  test('a load that cannot be written is Closed, and not LoadRefused', async () => {
    const { connection, breakPipe } = await talk(loads);
    breakPipe();
    await expect(connection.session(old)).rejects.toMatchObject({ code: 'Closed' });
  });

  test('a load that waits when the run ends is Closed', async () => {
    const { connection } = await talk({ ...loads, 'session/load': () => undefined });
    const waiting = expect(connection.session(old)).rejects.toMatchObject({
      code: 'Closed',
      message: 'it died',
    });
    await settle();
    connection.close('it died');
    await waiting;
  });

  test('before the handshake is done there is none', async () => {
    const { connection } = begin({ initialize: () => undefined });
    await expect(connection.session(fresh)).rejects.toMatchObject({ code: 'Failed' });
  });

  test('one that is over is closed where the agent can', async () => {
    const able1 = await talk(able({ sessionCapabilities: { close: {} } }));
    able1.connection.closeSession('s1');
    await settle();
    expect(able1.agent.sent('session/close')).toMatchObject([{ params: { sessionId: 's1' } }]);
    const unable = await talk();
    unable.connection.closeSession('s1');
    await settle();
    expect(unable.agent.sent('session/close')).toEqual([]);
  });
});

describe('the MCP server of acp', () => {
  const mcp = { url: 'http://127.0.0.1:1/mcp', token: 'secret' };

  test('is given to each session, new or loaded', async () => {
    const world = await talk(able({ loadSession: true, mcpCapabilities: { http: true } }), { mcp });
    await world.connection.session(old);
    const server = {
      type: 'http',
      name: 'agentctl',
      url: mcp.url,
      headers: [{ name: 'Authorization', value: 'Bearer secret' }],
    };
    expect(world.agent.sent('session/new')[0]?.params.mcpServers).toEqual([server]);
    expect(world.agent.sent('session/load')[0]?.params.mcpServers).toEqual([server]);
    expect(controls(world).mcp).toMatchObject({ status: 'Unknown', reason: 'Offered' });
  });

  test('is a program to start for an agent that takes none over HTTP', async () => {
    const stdio = { command: 'agentctl', args: ['mcp'], env: { AGENTCTL_MCP_TOKEN: 'secret' } };
    const world = await talk(able({}), { mcp: { ...mcp, stdio } });
    const env = [{ name: 'AGENTCTL_MCP_TOKEN', value: 'secret' }];
    expect(world.agent.sent('session/new')[0]?.params.mcpServers).toEqual([
      { name: 'agentctl', command: 'agentctl', args: ['mcp'], env },
    ]);
    expect(controls(world).mcp).toMatchObject({ status: 'Unknown', reason: 'Offered' });
  });

  test('is not given to an agent that takes none over HTTP where none can be started, which is told', async () => {
    const world = await talk(able({ mcpCapabilities: { sse: true } }), { mcp });
    expect(world.agent.sent('session/new')[0]?.params.mcpServers).toEqual([]);
    expect(controls(world).mcp).toMatchObject({ status: 'False', reason: 'NoMcpOverHttp' });
  });
});

describe('the model of acp', () => {
  const choose = (
    model: string,
    answers: Answers = withModels(),
    options: Partial<ConnectOptions> = {},
  ): Promise<Talk> => talk(answers, { model, ...options });

  test.each(['large', 'Large'])('%s is chosen by value or by name', async (model) => {
    const world = await choose(model);
    expect(world.agent.sent('session/set_config_option')).toMatchObject([
      { params: { sessionId: 'n', configId: 'the-model', value: 'large' } },
    ]);
    expect(controls(world).model).toMatchObject({ status: 'True', reason: 'ConfigOption' });
  });

  test('that the session has already is not chosen again', async () => {
    const world = await choose('small');
    expect(world.agent.sent('session/set_config_option')).toEqual([]);
    expect(controls(world).model.status).toBe('True');
  });

  test('is found in groups', async () => {
    const world = await choose(
      'large',
      withModels({ ...models, options: [{ group: 'g', name: 'G', options: models.options }] }),
    );
    expect(controls(world).model.status).toBe('True');
  });

  test('that is not offered is told, with what is', async () => {
    const options = Array.from({ length: 30 }, (_, n) => ({ value: `m${n}`, name: `M${n}` }));
    const world = await choose('huge', withModels({ ...models, options }));
    expect(controls(world).model).toMatchObject({ status: 'False', reason: 'NotOffered' });
    expect(controls(world).model.message).toMatch(/"huge".* m0, m1, .*m19, … and 10 more/);
  });

  test('cannot be chosen where the agent has no option for it', async () => {
    expect(controls(await choose('large', {})).model).toMatchObject({
      status: 'False',
      reason: 'NotOffered',
    });
  });

  test('that the agent refuses is told', async () => {
    const refuses = {
      'session/set_config_option': () => ({ error: { code: -32602, message: 'not today' } }),
    };
    const world = await choose('large', withModels(models, refuses));
    expect(controls(world).model).toMatchObject({
      status: 'False',
      reason: 'Refused',
      message: expect.stringContaining('not today'),
    });
  });

  test('is chosen in each further session, and one in which it is refused is none', async () => {
    let refuses = false;
    const set = (): { result: unknown } | { error: object } =>
      refuses ? { error: { code: 1, message: 'not today' } } : { result: {} };
    const world = await choose('large', withModels(models, { 'session/set_config_option': set }));
    await world.connection.session(fresh);
    await world.connection.session(fresh);
    expect(world.agent.sent('session/set_config_option')).toHaveLength(2);
    refuses = true;
    await expect(world.connection.session(fresh)).rejects.toMatchObject({
      code: 'Failed',
      message: expect.stringContaining('not today'),
    });
  });
});

describe('the system prompt of acp', () => {
  const systemPrompt = 'You are Bob.';

  test('stands before a message, apart from it for an agent that joins the two, where it is to be told', async () => {
    const { agent, begin, host, connection } = await talk({}, { systemPrompt });
    const turn = await begin({ message: 'm1', text: 'hello', preface: systemPrompt });
    expect(agent.sent('session/prompt')[0]?.params.prompt).toEqual([
      { type: 'text', text: `${systemPrompt}\n\n` },
      { type: 'text', text: 'hello' },
    ]);
    expect((host.of('ready')[0] as Facts).controls.systemPrompt).toMatchObject({
      status: 'True',
      reason: 'SentWithFirstMessage',
    });
    connection.receive(agent.ends(turn));
    await connection.prompt({ ...turn, message: 'm2', preface: undefined });
    expect(agent.sent('session/prompt')[1]?.params.prompt).toHaveLength(1);
  });

  test('goes with each session to an agent that announces it', async () => {
    const agentInfo = { name: '@agentclientprotocol/claude-agent-acp', version: '1' };
    const sessionCapabilities = { systemPrompt: {} };
    const first = await talk(able({ loadSession: true, sessionCapabilities }, { agentInfo }), {
      systemPrompt,
    });
    const again = await talkAgain(first, { systemPrompt });
    await again.connection.session(old);
    for (const method of ['session/new', 'session/load']) {
      const { params } = first.agent.sent(method)[0] ?? {};
      expect(params?.systemPrompt).toEqual({
        mode: 'append',
        content: [{ type: 'text', text: systemPrompt }],
      });
      expect(params?._meta).toBeUndefined();
    }
    expect(controls(first).systemPrompt).toMatchObject({ status: 'True', reason: 'SentWithSession' });
    await again.begin({ message: 'm1', preface: systemPrompt });
    expect(first.agent.sent('session/prompt')[0]?.params.prompt).toHaveLength(1);
  });

  test("goes with session/new to Claude's adapter that does not announce it", async () => {
    const agentInfo = { name: '@agentclientprotocol/claude-agent-acp', version: '1' };
    const world = await talk(able({}, { agentInfo }), { systemPrompt });
    const { agent, begin } = world;
    expect(agent.sent('session/new')[0]?.params._meta).toEqual({ systemPrompt: { append: systemPrompt } });
    expect(controls(world).systemPrompt).toMatchObject({ status: 'True', reason: 'SentWithSessionMeta' });
    await begin({ message: 'm1', preface: systemPrompt });
    expect(agent.sent('session/prompt')[0]?.params.prompt).toHaveLength(1);
  });
});
