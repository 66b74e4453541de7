#!/usr/bin/env node
/**
 * A scripted ACP agent for tests: Node alone, JSON-RPC by hand, so that it starts at once. What it does stands in the
 * prompt, one command a line; lines that are no command are passed over, and a prompt without any is said back.
 *
 *   say TEXT            answers TEXT
 *   chunks N            answers N chunks `chunk 1 `, `chunk 2 `, ...
 *   think TEXT          a thought
 *   sleep MS            waits; a cancel ends it
 *   effect NAME         a tool call of kind execute that appends a line `NAME SESSION KEY` to effects.log, with fsync
 *   usage IN OUT COST   is reported as used, in sum over the session
 *   model               answers which model is chosen
 *   blocks              answers the blocks of the prompt, as JSON
 *   mcp TOOL JSON       calls a tool of the MCP server that the session was given, and answers its result
 *   flood BYTES         as many bytes in chunks of 64 KiB
 *   garbage             a line that is no JSON
 *   refuse              ends the turn with the stop reason refusal
 *   error TEXT          ends the turn with an error
 *   silent              nothing more until it is cancelled
 *   deaf                nothing more, not even then
 *   crash [once]        SIGKILL to itself; `once`: the first time that this prompt is met in this folder
 *   half [once]         the same after half a line
 *   exit N [once]       ends with that code
 *
 * A prompt that says that it was interrupted does an effect only if effects.log has none of this session, KEY (a hash of
 * the prompt's commands) and NAME: so each is counted once under Resume, and twice where a prompt is wrongly sent twice.
 * Sessions are kept in .sessions/ of the working directory, for a later process to load.
 *
 * Environment: ASK=1 asks leave for effects (NEVER_ASK=1: not even then), NO_LOAD=1 can load no sessions, NO_RESUME=1 only
 * by replaying their history, LOAD_REFUSED=1 says it can and refuses, AUTH=1 wants a login until a file `token` exists,
 * NO_HTTP_MCP=1 takes MCP servers over stdio alone, TURN_USAGE=1 reports the tokens of each turn alone, VERSION=N speaks that version.
 */
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createInterface } from 'node:readline';

const env = process.env;
const on = (name) => env[name] === '1';
const folder = '.sessions';
const models = ['small', 'large'];

/** Sessions of this process: {id, history, model, used, mcp}, and `turn` while one goes on. */
const sessions = new Map();
const waiting = new Map();
let nextId = 0;

class RpcError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}
class Cancelled extends Error {}

// Synchronous, so that an `exit` loses nothing; a pipe that is full is tried again.
function write(text) {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}
const send = (message) => write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const update = (session, body) =>
  send({ method: 'session/update', params: { sessionId: session.id, update: body } });
const chunk = (session, kind, text) =>
  update(session, { sessionUpdate: kind, content: { type: 'text', text } });

function ask(method, params) {
  const id = nextId++;
  send({ id, method, params });
  return new Promise((resolve) => waiting.set(id, resolve));
}

const path = (id) => `${folder}/${id.replaceAll(/[^\w-]/g, '_')}.json`;

function keep({ id, history, model, used }) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${path(id)}.new`, JSON.stringify({ id, history, model, used }));
  renameSync(`${path(id)}.new`, path(id));
}

const offer = ({ model }) => ({
  configOptions: [
    {
      id: 'model',
      name: 'Model',
      category: 'model',
      type: 'select',
      currentValue: model,
      options: models.map((value) => ({ value, name: value })),
    },
  ],
});

function adopt(session, { mcpServers = [] }) {
  session.mcp = mcpServers.find(({ type, command }) => (on('NO_HTTP_MCP') ? command : type === 'http'));
  sessions.set(session.id, session);
  return session;
}

function needLogin() {
  if (on('AUTH') && !existsSync('token')) throw new RpcError(-32000, 'Authentication required');
}

function load(params, replay) {
  needLogin();
  if (on('LOAD_REFUSED')) throw new RpcError(-32002, 'Resource not found: the session is gone');
  if (!existsSync(path(params.sessionId)))
    throw new RpcError(-32002, `Resource not found: ${params.sessionId}`);
  const session = adopt(JSON.parse(readFileSync(path(params.sessionId), 'utf8')), params);
  if (replay)
    for (const { role, text } of session.history)
      chunk(session, role === 'user' ? 'user_message_chunk' : 'agent_message_chunk', text);
  return offer(session);
}

const methods = {
  initialize: () => ({
    protocolVersion: Number(env.VERSION ?? 1),
    agentInfo: { name: 'scripted', version: '1' },
    agentCapabilities: {
      loadSession: !on('NO_LOAD'),
      mcpCapabilities: { http: !on('NO_HTTP_MCP') },
      sessionCapabilities: { close: {}, ...(on('NO_LOAD') || on('NO_RESUME') ? {} : { resume: {} }) },
    },
    authMethods: on('AUTH') ? [{ id: 'token', name: 'Token', description: 'write a file called token' }] : [],
  }),
  'session/new': (params) => {
    needLogin();
    const session = { id: randomUUID(), history: [], model: models[0], used: { in: 0, out: 0, cost: 0 } };
    keep(adopt(session, params));
    return { sessionId: session.id, ...offer(session) };
  },
  'session/load': (params) => load(params, true),
  'session/resume': (params) => load(params, false),
  'session/close': ({ sessionId }) => {
    sessions.delete(sessionId);
    return {};
  },
  'session/set_config_option': ({ sessionId, value }) => {
    const session = known(sessionId);
    if (!models.includes(value)) throw new RpcError(-32602, `no model ${value}`);
    session.model = value;
    keep(session);
    return offer(session);
  },
  'session/prompt': (params) => prompt(known(params.sessionId), params.prompt),
  'session/cancel': ({ sessionId }) => sessions.get(sessionId)?.turn?.abort(),
};

function known(id) {
  const session = sessions.get(id);
  if (session === undefined) throw new RpcError(-32002, `Resource not found: ${id}`);
  return session;
}

async function prompt(session, blocks) {
  const text = blocks.at(-1)?.text ?? '';
  const turn = new AbortController();
  session.turn = turn;
  session.history.push({ role: 'user', text });
  keep(session);
  const lines = text.split('\n').map((line) => line.trim());
  const script = lines.filter((line) => Object.hasOwn(commands, line.split(' ', 1)[0]));
  const key = createHash('sha256').update(script.join('\n')).digest('hex').slice(0, 12);
  const context = {
    session,
    blocks,
    key,
    signal: turn.signal,
    resumed: /interrupted/i.test(text),
    said: '',
    used: undefined,
  };
  let stopReason = 'end_turn';
  try {
    if (script.length === 0) say(context, `You said: ${text}`);
    for (const line of script) {
      const [name] = line.split(' ', 1);
      const reason = await commands[name](context, line.slice(name.length + 1));
      if (turn.signal.aborted) throw new Cancelled();
      if (reason !== undefined) stopReason = reason;
    }
  } catch (error) {
    if (!(error instanceof Cancelled)) throw error;
    stopReason = 'cancelled';
  } finally {
    session.turn = undefined;
    session.history.push({ role: 'agent', text: context.said });
    keep(session);
  }
  if (context.used === undefined) return { stopReason };
  const { in: inputTokens, out: outputTokens } = on('TURN_USAGE') ? context.used : session.used;
  return { stopReason, usage: { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens } };
}

function say(context, text) {
  context.said += text;
  chunk(context.session, 'agent_message_chunk', text);
}

const wait = (signal, milliseconds) =>
  new Promise((resolve, reject) => {
    const cancelled = () => reject(new Cancelled());
    if (signal.aborted) return cancelled();
    signal.addEventListener('abort', cancelled, { once: true });
    if (milliseconds !== undefined) setTimeout(resolve, milliseconds);
  });

/** Whether this is to be done: always, or with `once` the first time in this folder. */
function due({ key }, name, argument) {
  if (!/\bonce$/.test(argument)) return true;
  const mark = `${folder}/${key}-${name}`;
  if (existsSync(mark)) return false;
  writeFileSync(mark, '');
  return true;
}

const die = () => process.kill(process.pid, 'SIGKILL');

const commands = {
  say: (context, text) => say(context, text),
  chunks: (context, count) => {
    for (let n = 1; n <= Number(count); n += 1) say(context, `chunk ${n} `);
  },
  think: ({ session }, text) => chunk(session, 'agent_thought_chunk', text),
  sleep: ({ signal }, milliseconds) => wait(signal, Number(milliseconds)),
  effect,
  usage: (context, numbers) => {
    const { session } = context;
    const [input, output, cost] = numbers.split(' ').map(Number);
    context.used = { in: (context.used?.in ?? 0) + input, out: (context.used?.out ?? 0) + output };
    session.used = {
      in: session.used.in + input,
      out: session.used.out + output,
      cost: session.used.cost + cost,
    };
    update(session, {
      sessionUpdate: 'usage_update',
      used: input + output,
      size: 100_000,
      cost: { amount: session.used.cost, currency: 'USD' },
    });
  },
  model: (context) => say(context, context.session.model),
  blocks: (context) => say(context, JSON.stringify(context.blocks)),
  mcp: async (context, call) => {
    const [, tool, input] = /^(\S+)\s*(.*)$/.exec(call) ?? [];
    say(context, await callTool(context.session.mcp, tool, JSON.parse(input || '{}')));
  },
  flood: (context, bytes) => {
    const size = 64 * 1024;
    for (let left = Number(bytes); left > 0; left -= size)
      chunk(context.session, 'agent_message_chunk', 'x'.repeat(Math.min(size, left)));
  },
  garbage: () => write('this is { no JSON\n'),
  refuse: () => 'refusal',
  error: (_, text) => {
    throw new RpcError(-32603, text);
  },
  silent: ({ signal }) => wait(signal),
  deaf: () => new Promise(() => undefined),
  crash: (context, argument) => {
    if (due(context, 'crash', argument)) die();
  },
  half: (context, argument) => {
    if (!due(context, 'half', argument)) return;
    write('{"jsonrpc":"2.0","method":"session/upd');
    die();
  },
  exit: (context, argument) => {
    if (due(context, 'exit', argument)) process.exit(Number.parseInt(argument, 10));
  },
};

async function effect({ session, key, resumed, signal }, name) {
  const line = `${name} ${session.id} ${key}`;
  const call = {
    toolCallId: randomUUID(),
    title: `effect ${name}`,
    kind: 'execute',
    rawInput: { effect: name },
  };
  const change = (status, text) =>
    update(session, {
      sessionUpdate: 'tool_call_update',
      toolCallId: call.toolCallId,
      status,
      ...(text === undefined ? {} : { content: [{ type: 'content', content: { type: 'text', text } }] }),
    });
  update(session, { sessionUpdate: 'tool_call', ...call, status: 'pending' });
  const done = existsSync('effects.log') ? readFileSync('effects.log', 'utf8') : '';
  if (resumed && done.split('\n').includes(line)) {
    change('completed', 'was done before');
    return;
  }
  if (on('ASK') && !on('NEVER_ASK')) {
    const { result } = await ask('session/request_permission', {
      sessionId: session.id,
      toolCall: call,
      options: [
        { optionId: 'yes', name: 'Allow', kind: 'allow_once' },
        { optionId: 'no', name: 'Deny', kind: 'reject_once' },
      ],
    });
    if (signal.aborted || result?.outcome?.optionId !== 'yes') {
      change('failed', 'denied');
      return;
    }
  }
  change('in_progress');
  const file = openSync('effects.log', 'a');
  writeSync(file, `${line}\n`);
  fsyncSync(file);
  closeSync(file);
  change('completed', 'done');
}

async function callTool(server, name, input) {
  if (server === undefined) return 'there is no MCP server';
  const { post, end } = server.command === undefined ? overHttp(server) : overStdio(server);
  const clientInfo = { name: 'scripted', version: '1' };
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo };
  try {
    const { message: hello, id } = await post({ id: 1, method: 'initialize', params });
    const more = {
      'MCP-Protocol-Version': hello.result.protocolVersion,
      ...(id === null ? {} : { 'Mcp-Session-Id': id }),
    };
    await post({ method: 'notifications/initialized' }, more);
    const call = { id: 2, method: 'tools/call', params: { name, arguments: input } };
    const { message } = await post(call, more);
    const texts = message.result?.content?.map(({ text }) => text) ?? [];
    return message.error?.message ?? texts.join('\n');
  } finally {
    end();
  }
}

function overStdio({ command, args, env: variables }) {
  const own = Object.fromEntries(variables.map(({ name, value }) => [name, value]));
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...env, ...own } });
  const answers = new Map();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line);
    answers.get(message.id)?.({ message, id: null });
  });
  const post = (body) => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...body })}\n`);
    return body.id === undefined ? undefined : new Promise((resolve) => answers.set(body.id, resolve));
  };
  return { post, end: () => child.stdin.end() };
}

function overHttp(server) {
  const headers = Object.fromEntries(server.headers.map((header) => [header.name, header.value]));
  const post = async (body, more = {}) => {
    const response = await fetch(server.url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        ...headers,
        ...more,
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    });
    const text = await response.text();
    if (!response.ok) throw new RpcError(-32603, `MCP: ${response.status} ${text}`);
    const data = text.split('\n').find((line) => line.startsWith('data:'));
    return {
      id: response.headers.get('mcp-session-id'),
      message: text === '' ? undefined : JSON.parse(data === undefined ? text : data.slice(5)),
    };
  };
  return { post, end: () => {} };
}

async function receive(line) {
  let message;
  try {
    message = JSON.parse(line);
  } catch {
    return send({ id: null, error: { code: -32700, message: 'Parse error' } });
  }
  const { id, method, params } = message;
  if (method === undefined) {
    waiting.get(id)?.(message);
    return waiting.delete(id);
  }
  if (id === undefined) return methods[method]?.(params);
  try {
    if (!Object.hasOwn(methods, method)) throw new RpcError(-32601, `Method not found: ${method}`);
    send({ id, result: await methods[method](params) });
  } catch (error) {
    send({ id, error: { code: error.code ?? -32603, message: error.message } });
  }
}

let buffer = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (data) => {
  const lines = (buffer + data).split('\n');
  buffer = lines.pop();
  for (const line of lines) if (line.trim() !== '') void receive(line);
});
process.stdin.on('end', () => process.exit(0));
