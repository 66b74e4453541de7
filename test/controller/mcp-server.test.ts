import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, expect, test, vi } from 'vitest';
import { driverCapabilities } from '../../src/api/capabilities.ts';
import { McpServers } from '../../src/controller/mcp-server.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import { silentLog } from '../../src/platform/log.ts';
import { AcpPuppet } from '../conversations/acp-puppet.ts';
import { Puppet } from '../conversations/puppet.ts';
import { key, type Stage, stage } from '../conversations/stage.ts';
import type { HouseOptions } from './house.ts';

interface Offer {
  url: string;
  authorization: string;
}

const clients: Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

async function connected({ url, authorization }: Offer): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { authorization } },
  });
  // The SDK's own types disagree under exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  clients.push(client);
  return client;
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}) {
  const { content, isError = false } = await client.callTool({ name, arguments: args });
  const [{ text = '' } = {}] = content as { text?: string }[]; // our tools answer one text
  return { text, isError };
}

/** An ACP agent that takes MCP over HTTP, and what it was offered. */
class Asker extends AcpPuppet {
  constructor() {
    super({
      initialize: () => ({
        protocolVersion: 1,
        agentCapabilities: { loadSession: true, mcpCapabilities: { http: true } },
      }),
    });
  }

  get offer(): Offer {
    const { mcpServers = [] } =
      this.heard.findLast(({ params }) => params?.mcpServers !== undefined)?.params ?? {};
    const [{ url, headers } = { url: '', headers: [] }] = mcpServers;
    return { url, authorization: headers[0]?.value ?? '' };
  }
}

type Access = 'Peers' | 'Manage';
async function asking(
  fleetAccess: Access = 'Peers',
  options: HouseOptions = {},
): Promise<Stage & { asker: Asker; other: Puppet }> {
  const [asker, other] = [new Asker(), new Puppet()];
  const spec = { systemPrompt: 'Rings bells.\nLoudly.' };
  const at = await stage(
    {
      acp: { agent: asker.agent, spec: { fleetAccess } },
      other: { agent: other.agent, spec },
    },
    options,
  );
  return { ...at, asker, other };
}

/** The one question that it was asked. */
function answers(puppet: Puppet, response: string): void {
  const [{ messageId = '', requestId = '' } = {}] = puppet.turns;
  puppet.say(messageId, { type: 'route_done', requestId, response });
}

const post = (url: string, authorization?: string, method = 'POST'): Promise<number> =>
  fetch(url, { method, headers: authorization === undefined ? {} : { authorization } }).then(
    ({ status }) => status,
  );

test('who has no token, a garbled one, or one that was made for another, is turned away', async () => {
  await using at = await asking();
  const { url, authorization } = at.asker.offer;
  const [, uid = '', mac = ''] = /^Bearer (.+)\.1\.(.+)$/.exec(authorization) ?? [];
  const other = at.world.house.instance('other-0')?.metadata.uid;
  const tokens = [
    undefined,
    '',
    'Bearer',
    'Bearer x',
    `Bearer ${uid}.`,
    `Bearer ${uid}.1.`,
    `Bearer ${uid}.1.${mac.slice(0, -1)}`,
    `Bearer ${uid}.1.${mac.slice(0, -1)}${mac.endsWith('A') ? 'B' : 'A'}`,
    `Bearer ${other}.1.${mac}`,
    `Bearer ${uid}.2.${mac}`,
    `Bearer ${uid}.${mac}`,
    `Basic ${uid}.1.${mac}`,
  ];
  for (const token of tokens) expect([token, await post(url, token)]).toEqual([token, 401]);
  expect(await post(url, authorization, 'GET')).toBe(405);
  expect(await post(url, authorization, 'DELETE')).toBe(405);
});

test('the token of an instance that is gone, or whose agent has lost its fleetAccess, is none', async () => {
  await using at = await asking();
  const { url, authorization } = at.asker.offer;
  await at.world.agent('acp', { fleetAccess: 'None' });
  await at.world.house.rest();
  expect(await post(url, authorization)).toBe(401);
  await at.world.agent('acp', { fleetAccess: 'Peers' });
  await at.world.house.rest();
  expect(await post(url, authorization, 'GET')).toBe(405);
  await at.world.house.user.delete('Agent', key('acp'));
  await at.world.until(() => at.world.house.instance('acp-0') === undefined);
  expect(await post(url, authorization)).toBe(401);
});

test('a token is valid for one run only: the next run has its own', async () => {
  await using at = await asking();
  const { offer: first } = at.asker;
  expect(await post(first.url, first.authorization, 'GET')).toBe(405);
  at.asker.runs[0]?.end(1);
  await at.world.until(() => at.world.house.instance('acp-0')?.status?.lastExit?.run === 1);
  await expect.poll(() => post(first.url, first.authorization)).toBe(401);
  await at.world.until(() => at.asker.runs.length === 2);
  await at.ready(2);
  const { offer: second } = at.asker;
  expect(second.authorization).not.toBe(first.authorization);
  expect(await post(second.url, second.authorization, 'GET')).toBe(405);
  expect(await post(first.url, first.authorization)).toBe(401);
});

test('a session that is loaded in the next run has the token of that run', async () => {
  await using at = await asking();
  const { id, conversation } = await at.send('acp', 'first');
  await at.world.until(() => at.asker.prompts.length === 1);
  const { offer: first } = at.asker;
  at.asker.end();
  await at.end(id);
  at.asker.runs[0]?.end(1);
  await at.world.until(() => at.asker.runs.length === 2);
  await at.ready(2);
  await at.send('acp', 'second', { conversation });
  await at.world.until(() => at.asker.prompts.length === 2);
  expect(at.asker.of('session/load')).toHaveLength(1);
  const { offer: second } = at.asker;
  expect(second.authorization).not.toBe(first.authorization);
  expect(await post(second.url, second.authorization, 'GET')).toBe(405);
});

test('a token is invalid once its Agent is suspended, even before the run ends', async () => {
  await using at = await asking();
  const { url, authorization } = at.asker.offer;
  await at.world.agent('acp', { fleetAccess: 'Peers', suspend: true });
  await expect.poll(() => post(url, authorization)).toBe(401);
});

test.each([
  ['its run ends', (at: Awaited<ReturnType<typeof asking>>) => at.asker.runs[0]?.end(1)],
  [
    'its Agent is suspended',
    (at: Awaited<ReturnType<typeof asking>>) =>
      at.world.agent('acp', { fleetAccess: 'Peers', suspend: true }),
  ],
  [
    'its Agent is deleted',
    (at: Awaited<ReturnType<typeof asking>>) => at.world.house.user.delete('Agent', key('acp')),
  ],
  [
    'its Agent loses its fleetAccess',
    (at: Awaited<ReturnType<typeof asking>>) => at.world.agent('acp', { fleetAccess: 'None' }),
  ],
])('a call that is being answered is cut once %s', async (_, happens) => {
  await using at = await asking();
  const { url, authorization } = at.asker.offer;
  const body = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'send_message', arguments: { agent: 'other', message: 'ring', timeout_seconds: 3_600 } },
  };
  const answer = fetch(url, {
    method: 'POST',
    headers: {
      authorization,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify(body),
  }).then((response) => response.text());
  const cut = expect(answer).rejects.toThrow();
  await at.world.until(() => at.other.turns.length === 1);
  await happens(at);
  await at.world.house.rest();
  await cut;
});

test('a request that is too large, has fields without number, or is no JSON, is refused', async () => {
  await using at = await asking('Manage');
  const { url, authorization } = at.asker.offer;
  const send = async (body: string): Promise<number> => {
    const headers = {
      authorization,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    };
    return (await fetch(url, { method: 'POST', headers, body })).status;
  };
  expect(await send(JSON.stringify('x'.repeat(2 * 1024 * 1024)))).toBe(413);
  expect(await send(`[${Array(100_001).fill('{}').join(',')}]`)).toBe(413);
  expect(await send('{')).toBe(400);
});

test('a manifest of more than 1 MiB is refused', async () => {
  await using at = await asking('Manage');
  const client = await connected(at.asker.offer);
  expect(await call(client, 'apply_agent', { manifest: `# ${'x'.repeat(1024 * 1024)}` })).toEqual({
    text: 'the manifest has 1048578 bytes, expected at most 1048576',
    isError: true,
  });
});

test('an agent lists the others, sends one a message, and has its answer', async () => {
  await using at = await asking();
  const client = await connected(at.asker.offer);
  const tools = (await client.listTools()).tools.map(({ name }) => name);
  expect(tools).toEqual(['list_agents', 'send_message']);
  const { content, structuredContent } = await client.callTool({ name: 'list_agents', arguments: {} });
  expect(structuredContent).toMatchObject({
    agents: [{ name: 'other', phase: 'Ready', talks: true, identity: 'Rings bells.' }],
  });
  const [{ text }] = content as [{ text: string }]; // as it says
  expect(JSON.parse(text)).toEqual(structuredContent);
  const answer = call(client, 'send_message', { agent: 'other', message: 'ring' });
  await expect.poll(() => at.other.turns.length).toBe(1);
  expect(at.other.turns[0]).toMatchObject({ message: 'ring' });
  answers(at.other, 'ding');
  expect(await answer).toEqual({ text: 'ding', isError: false });
});

test.each([
  [{ agent: 'nobody', message: 'hi' }, 'There is no agent nobody'],
  [{ agent: 'else/other', message: 'hi' }, 'There is no agent else/other'],
  [{ agent: 'other' }, 'agent and message are needed'],
  [{ agent: 'other', message: 'hi', conversation: 'c-none' }, 'conversation "c-none" not found'],
  [{ message_id: 'm-none' }, 'not found'],
  [{ agent: 'other', message: 'hi', timeout_seconds: 0 }, 'timeout_seconds'],
])('send_message with %j is refused in words', async (args, words) => {
  await using at = await asking();
  const { text, isError } = await call(await connected(at.asker.offer), 'send_message', args);
  expect(isError).toBe(true);
  expect(text).toContain(words);
});

test('an answer that takes longer than is waited for is waited on for by the id of the message', async () => {
  await using at = await asking();
  const client = await connected(at.asker.offer);
  const { text, isError } = await call(client, 'send_message', {
    agent: 'other',
    message: 'ring',
    timeout_seconds: 1,
  });
  const [{ messageId: id = '' } = {}] = at.other.turns;
  expect(isError).toBe(false);
  expect(text).toContain(`message_id ${id}`);
  const answer = call(client, 'send_message', { message_id: id });
  answers(at.other, 'ding');
  expect(await answer).toEqual({ text: 'ding', isError: false });
  expect(await call(client, 'send_message', { message_id: id })).toEqual({ text: 'ding', isError: false });
  expect(at.other.turns).toHaveLength(1);
});

test("a person's message and conversation are as unknown to an agent as those that never were", async () => {
  await using at = await asking('Manage');
  const client = await connected(at.asker.offer);
  const theirs = await at.send('other', 'the secret is 42');
  await at.world.until(() => at.other.turns.length === 1);
  at.other.done(theirs.id, 'I keep it: 42');
  await at.end(theirs.id);
  const unknown = async (args: Record<string, unknown>, id: string) => {
    const { text, isError } = await call(client, 'send_message', args);
    return { isError, text: text.replaceAll(id, 'ID') };
  };
  const read = (id: string) => unknown({ message_id: id }, id);
  const goOn = (id: string) => unknown({ agent: 'other', message: 'and?', conversation: id }, id);
  const none = await read('m-none');
  expect(none.isError).toBe(true);
  expect(await read(theirs.id)).toEqual(none);
  const nowhere = await goOn('c-none');
  expect(nowhere.text).toContain('not found');
  expect(await goOn(theirs.conversation)).toEqual(nowhere);
  expect(at.other.turns).toHaveLength(1);
});

test('an agent continues only conversations that its own Agent began, in later runs too', async () => {
  await using at = await asking();
  const third = new Asker();
  at.world.programs.set('third', third.agent);
  await at.world.agent('third', { fleetAccess: 'Peers', protocol: 'acp' });
  await at.ready(3);
  const client = await connected(at.asker.offer);
  const first = call(client, 'send_message', { agent: 'other', message: 'ring' });
  await at.world.until(() => at.other.turns.length === 1);
  answers(at.other, 'ding');
  await first;
  const [{ messageId: id = '', conversationId: conversation = '' } = {}] = at.other.turns;
  const again = call(client, 'send_message', { agent: 'other', message: 'again', conversation });
  await at.world.until(() => at.other.turns.length === 2);
  const [, second] = at.other.turns;
  at.other.say(second?.messageId ?? '', {
    type: 'route_done',
    requestId: second?.requestId,
    response: 'dong',
  });
  expect(await again).toEqual({ text: 'dong', isError: false });
  const stranger = await connected(third.offer);
  expect(await call(stranger, 'send_message', { message_id: id })).toMatchObject({ isError: true });
  expect(
    await call(stranger, 'send_message', { agent: 'other', message: 'mine', conversation }),
  ).toMatchObject({ isError: true, text: expect.stringContaining('not found') });

  at.asker.runs[0]?.end(1);
  await at.world.until(() => at.asker.runs.length === 2);
  await at.ready(3);
  const later = await connected(at.asker.offer);
  expect(await call(later, 'send_message', { message_id: id })).toEqual({ text: 'ding', isError: false });
});

test('what it was offered holds over a restart of the controller', async () => {
  await using at = await asking();
  const { offer } = at.asker;
  await at.world.house.restart();
  await at.ready(2);
  const listed = await call(await connected(offer), 'list_agents');
  expect(JSON.parse(listed.text)).toMatchObject({ agents: [{ name: 'other' }] });
});

test('tokens are void once somebody else has the port, who may have been sent them, and stay void', async () => {
  const warn = vi.fn();
  await using at = await asking('Peers', { log: { ...silentLog, warn } });
  const { url, authorization } = at.asker.offer;
  const squatter = createServer();
  await at.world.house.restart(() =>
    once(squatter.listen(Number(new URL(url).port), '127.0.0.1'), 'listening'),
  );
  await at.ready(2);
  const offered = async (): Promise<Offer> => {
    const started = at.asker.of('session/new').length;
    await at.send('acp', 'begin');
    await at.world.until(() => at.asker.of('session/new').length > started);
    return at.asker.offer;
  };
  const next = await offered();
  expect(new URL(next.url).port).not.toBe(new URL(url).port);
  expect(next.authorization).not.toBe(authorization);
  expect(await post(next.url, authorization, 'GET')).toBe(401);
  expect(await post(next.url, next.authorization, 'GET')).toBe(405);
  expect(warn).toHaveBeenCalledWith(
    expect.objectContaining({ host: '127.0.0.1' }),
    expect.stringContaining('tokens of before are void'),
  );

  squatter.close();
  await at.world.house.restart();
  await at.ready(2);
  await expect.poll(() => post(next.url, next.authorization, 'GET')).toBe(405);
  expect(await post(next.url, authorization, 'GET')).toBe(401);
});

test('an address that is not there yet loses no port', async () => {
  await using at = await asking();
  const agent = at.world.house.controller.cache.agents.get('default/acp');
  if (agent === undefined) throw new Error('no agent');
  const [warn, set] = [vi.fn(), vi.fn()];
  const servers = new McpServers({
    key: new Uint8Array(32),
    version: '1',
    log: { ...silentLog, warn },
    clock: at.world.house.clock,
    whose: () => undefined,
    fleet: () => {
      throw new Error('not asked');
    },
    onChange: () => {},
    seen: () => {},
    places: { get: () => ({ port: 40_000, epoch: 1 }), set },
  });
  const driver = {
    capabilities: driverCapabilities.docker,
    hostAddress: async () => '192.0.2.1',
  } as Partial<Driver> as Driver; // all that is asked of it
  expect(await servers.offer({ uid: 'u', run: 1 }, agent, driver)).toEqual({
    unavailable: expect.stringContaining('EADDRNOTAVAIL'),
  });
  expect(set).not.toHaveBeenCalled();
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.anything(), 'the tools for agents cannot be offered');
});

test('only with fleetAccess Manage does it apply, stop, start and remove others', async () => {
  await using at = await asking('Manage');
  const client = await connected(at.asker.offer);
  const { agents } = at.world.house.controller.cache;
  const manifest =
    'kind: Agent\napiVersion: agentctl.dev/v1\nmetadata: {name: helper}\nspec: {template: {image: "test-image:1"}}';
  expect((await call(client, 'apply_agent', { manifest })).text).toBe('agent helper created');
  expect((await call(client, 'apply_agent', { manifest })).text).toBe('agent helper configured');
  expect((await call(client, 'stop_agent', { name: 'helper' })).text).toBe('agent helper stops');
  await vi.waitFor(() => expect(agents.get('default/helper')?.spec.suspend).toBe(true), { interval: 5 });
  expect((await call(client, 'start_agent', { name: 'helper' })).text).toBe('agent helper starts');
  expect((await call(client, 'remove_agent', { name: 'helper' })).text).toBe('agent helper is removed');
  // Since it asked for the list of tools it may have lost them.
  await at.world.agent('acp', { fleetAccess: 'Peers' });
  await at.world.house.rest();
  expect(await call(client, 'remove_agent', { name: 'other' })).toMatchObject({ isError: true });
  expect(agents.get('default/other')?.metadata.deletionTimestamp).toBeUndefined();
});

test('an instance that asks without an end has few requests in work, and further ones are refused', async () => {
  await using at = await asking();
  const { url, authorization } = at.asker.offer;
  const headers = {
    authorization,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  const params = { name: 'send_message', arguments: { agent: 'other', message: 'ring' } };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
  const end = new AbortController();
  const answered: string[] = [];
  const all = Array.from({ length: 100 }, () =>
    fetch(url, { method: 'POST', headers, body, signal: end.signal })
      .then((response) => response.text())
      .then(
        (text) => answered.push(text),
        () => undefined, // given up at the end
      ),
  );
  await vi.waitFor(() => expect(answered).toHaveLength(68), { interval: 5, timeout: 10_000 });
  expect(answered.every((text) => text.includes('requests in progress'))).toBe(true);
  expect(at.world.house.journal.messages()).toHaveLength(32);
  end.abort();
  await Promise.all(all);
});

/** As many connections that send nothing, which are all made now. */
async function idle(url: string, count: number): Promise<{ closed: Promise<unknown>; end(): void }[]> {
  const { hostname, port } = new URL(url);
  const sockets = Array.from({ length: count }, () => connect(Number(port), hostname).on('error', () => {}));
  const made = Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const all = sockets.map((socket) => ({
    closed: once(socket.resume(), 'close'),
    end: () => void socket.destroy(),
  }));
  await made;
  return all;
}

test('who has no token cannot keep an agent out, or cut it off, with idle connections', async () => {
  await using at = await asking();
  const { url, authorization } = at.asker.offer;
  const client = await connected(at.asker.offer);
  const answer = call(client, 'send_message', { agent: 'other', message: 'ring' });
  await at.world.until(() => at.other.turns.length === 1);
  const connections = await idle(url, 1_000);
  expect(await post(url, authorization, 'GET')).toBe(405);
  await connections[0]?.closed;
  answers(at.other, 'ding');
  expect(await answer).toEqual({ text: 'ding', isError: false });
  for (const { end } of connections) end();
});

test('a connection that sends nothing is closed within seconds', async () => {
  await using at = await asking();
  const [connection] = await idle(at.asker.offer.url, 1);
  await connection?.closed;
}, 9_000);
