import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Agent, Message } from '../../../src/api/objects.ts';
import { eventually, Session } from '../support.ts';

/** An ACP agent as agents in the wild are: what it does stands in the prompt. */
const agent = `
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { closeSync } from 'node:fs';
const out = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
const say = (sessionId, text) => out({ method: 'session/update', params: { sessionId,
  update: { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } } } });
const later = (ms, work) => setTimeout(work, ms);
let sessions = 0, busy = 0, tools = 'none';
const connect = (server) => new Promise((resolve) => {
  const env = { ...process.env, ...Object.fromEntries(server.env.map(({ name, value }) => [name, value])) };
  const child = spawn(server.command, server.args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const tell = (message) => child.stdin.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, result } = JSON.parse(line);
    if (id === 1) tell({ id: 2, method: 'tools/list', params: {} });
    if (id === 2) resolve(result.tools.map(({ name }) => name).join(' '));
  });
  const clientInfo = { name: 'agent', version: '1' };
  tell({ id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo } });
});
createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === 'initialize') out({ id, result: { protocolVersion: 1, agentCapabilities: {} } });
  else if (method === 'session/new') {
    const [server] = params.mcpServers;
    if (process.env.CONNECTS === '1') tools = await connect(server);
    out({ id, result: { sessionId: 's' + ++sessions } });
  } else if (method === 'session/prompt') {
    const { sessionId, prompt } = params;
    const [word, ...rest] = prompt.at(-1).text.split(' ');
    const end = (stopReason = 'end_turn') => out({ id, result: { stopReason } });
    const fail = (code, message) => out({ id, error: { code, message } });
    if (word === 'late') { say(sessionId, 'HEAD '); end(); later(Number(rest[0]), () => say(sessionId, 'TAIL')); }
    else if (word === 'stop') { say(sessionId, 'half'); end(rest[0]); }
    else if (word === 'nothing') end();
    else if (word === 'limit') fail(-32603, rest.join(' '));
    else if (word === 'login') fail(-32000, rest.join(' '));
    else if (word === 'deaf') { for (let n = 0; n < 2400; n += 1) later(n * 100, () => say(sessionId, 'w')); }
    else if (word === 'busy' && busy++ < 2) fail(-32600, 'Prompt already in progress');
    else if (word === 'close') { say(sessionId, 'closed'); end(); process.stdin.destroy(); closeSync(0); later(1e8, () => {}); }
    else if (word === 'tools') { say(sessionId, tools); end(); }
    else { say(sessionId, word); end(); }
  } else if (id !== undefined && method !== undefined) out({ id, error: { code: -32601, message: 'not found' } });
});
`;

let session: Session;
beforeAll(async () => {
  session = new Session();
  const script = session.file('agent.mjs', agent);
  const manifest = (name: string, env = '[]') => `---
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name} }
spec:
  protocol: acp
  minReady: 0s
  policy: { backoff: { schedule: [100ms], jitter: 0 }, stop: { gracePeriod: 300ms } }
  template: { command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(script)}], env: ${env} }
`;
  const all = ['late', 'ends', 'deaf', 'busy', 'shut', 'lonely'].map((name) => manifest(name));
  all.push(manifest('armed', '[{ name: CONNECTS, value: "1" }]'));
  await session.ok('apply -f - --wait --timeout=120s', all.join(''));
});
afterAll(() => session.end());

const send = (name: string, text: string, ...flags: string[]) =>
  session.run(['send', name, ...flags, '--wait', text]);
const begin = async (name: string, text: string): Promise<Message> =>
  JSON.parse((await session.run(['send', name, '-o', 'json', text])).stdout);
const messageOf = ({ metadata }: Message) => session.json<Message>(`messages get ${metadata.name}`);
const condition = async (name: string, type: string) =>
  (await session.json<Agent>(`get agent ${name}`)).status?.conditions?.find((one) => one.type === type);

test('what follows the response to a prompt is in its answer, or behind its message, and in no other answer', async () => {
  expect((await send('late', 'late 0')).stdout).toBe('HEAD TAIL\n');
  expect((await send('late', 'late 50')).stdout).toBe('HEAD TAIL\n');
  const first = await begin('late', 'late 3000');
  const next = await send('late', 'next', '--conversation', first.spec.conversation);
  expect(next.stdout).toBe('next\n');
  expect(await session.ok(`messages follow ${first.metadata.name}`)).toContain('TAIL');
});

test.each([
  ['stop refusal', 'Refusal', 'half\n'],
  ['stop max_tokens', 'MaxTokens', 'half\n'],
  ['stop max_turn_requests', 'MaxTurnRequests', 'half\n'],
  ['nothing', 'EmptyAnswer', ''],
])('%s is told by the exit code and the reason %s', async (text, reason, answer) => {
  const { code, stdout, stderr } = await send('ends', text);
  expect({ code, stdout }).toEqual({ code: 4, stdout: answer });
  expect(stderr).toContain(`failed: ${reason}`);
});

test('a usage limit and an expired login are conditions and Events, with the time that is named', async () => {
  await send('ends', "limit You've hit your session limit, resets 4:20pm (Europe/Berlin)");
  await send('ends', 'login OAuth session expired');
  for (const type of ['WithinQuota', 'LoggedIn'])
    await eventually(
      () => condition('ends', type),
      (found) => found?.status === 'False',
    );
  const events = await session.ok('events --for instance/ends-0');
  expect(events).toMatch(/QuotaExceeded.*resets 4:20pm \(Europe\/Berlin\) \(until \d{4}-/);
  expect(events).toMatch(/AuthRequired.*OAuth session expired/);
  expect(await session.ok('events --for agent/ends')).toMatch(/MessageFailed.*QuotaExceeded/);
});

test('a message that a session does not take yet waits', async () => {
  const { code, stdout } = await send('busy', 'busy');
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'busy\n' });
});

test('what an agent goes on to say of a cancelled turn is in no answer, and it is restarted', async () => {
  const first = await begin('deaf', 'deaf');
  await eventually(
    () => messageOf(first),
    ({ status }) => status?.state === 'Delivered',
  );
  await session.ok(`messages cancel ${first.metadata.name}`);
  const next = await send('deaf', 'next', '--conversation', first.spec.conversation);
  expect(next.stdout).toBe('next\n');
  expect(await session.ok('events --for instance/deaf-0')).toContain('CancelIgnored');
}, 240_000);

test('an agent that has closed its standard input is restarted, and answers', async () => {
  await send('shut', 'close');
  expect((await send('shut', 'hello')).stdout).toBe('hello\n');
  expect(await session.ok('events --for instance/shut-0')).toContain('InputClosed');
});

test('an agent that takes MCP servers over stdio alone has the tools, and it is told whether it connected', async () => {
  expect((await send('armed', 'tools')).stdout).toBe('list_agents send_message\n');
  expect(await condition('armed', 'FleetAccessible')).toMatchObject({ status: 'True', reason: 'Connected' });
  await send('lonely', 'tools');
  await eventually(
    () => condition('lonely', 'FleetAccessible'),
    (found) => found?.reason === 'NotConnected',
  );
});
