/**
 * A worker of the line protocol whose messages are its script: each line of a message is one command, a line that is
 * none is said back. `\n` in an argument is a new line and `\\` a backslash, so that `ask` can hand on a script.
 *   say|think TEXT       output, or a thought
 *   chunks N             N pieces of output, "0 " to "N-1 "
 *   flood|long BYTES     so much output, in pieces of 64 KiB or in one line
 *   sleep MS
 *   effect NAME          appends NAME to effects.log, on disk before it goes on; with dedupe once, however often it is asked
 *   tool NAME [MS]       a tool call, of so many milliseconds
 *   ask AGENT TEXT       asks another agent and says its answer, or `error: ...`
 *   manage ACTION [JSON] a mgmt_request with these fields; says the answer as JSON
 *   usage N              reports N input tokens, N output tokens and 2N in all
 *   quota MS TEXT        reports that the quota is used up for so long
 *   background TEXT      an event of no turn
 *   peers | env NAME     says what it was last told of its peers, as JSON; or a variable of its environment
 *   garbage              writes lines that mean nothing
 *   error TEXT           ends the turn with an error
 *   silent               never goes on
 *   crash                is killed; once a message, unless dedupe is off: then whenever it comes by
 *   crash-after-output   the same, after a piece of output; `half`: in the middle of a line; `crash-done`: after the
 *                        answer is kept and before it is told; `exit CODE`: ends of itself
 *   crash-always         is killed, whenever it comes by
 * Its environment, the defaults first: JSONL_DEDUPE=on|off (on: keeps answers and what was done in state.jsonl, so that a
 * message that comes again is not done again), JSONL_IDS=on|off (off: names no message, as old workers), JSONL_ACK=on|off,
 * JSONL_READY=0|MS|never (when it says ready), JSONL_CANCEL=off|on (says that it knows cancel, and obeys),
 * JSONL_RESUME=off|on (says that it can go on with a session), JSONL_SHUTDOWN=on|off (off: deaf to it), JSONL_CRASH_AT=N
 * (killed instead of its write number N, to its output or to disk; once in its folder, noted in the file crashed).
 * All messages that come are noted in delivered.log. It works on one message of a conversation after the other, on several
 * conversations at once. What stands before a crash was written.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from 'node:fs';

const env = process.env;
const dedupe = env.JSONL_DEDUPE !== 'off';
const ids = env.JSONL_IDS !== 'off';

/** Whole lines of a file; a last one without its newline, of a write that a crash cut short, is cut off. */
function linesOf(path) {
  if (!existsSync(path)) return [];
  const bytes = readFileSync(path);
  const end = bytes.lastIndexOf(10) + 1;
  if (end < bytes.length) truncateSync(path, end);
  return bytes.subarray(0, end).toString().split('\n').slice(0, -1);
}

let writes = 0;
const crashAt = existsSync('crashed') ? undefined : Number(env.JSONL_CRASH_AT);

function countWrite() {
  writes += 1;
  if (writes !== crashAt) return;
  appendFileSync('crashed', `${crashAt}\n`);
  die();
}

function appendDurably(path, line) {
  countWrite();
  const file = openSync(path, 'a');
  try {
    writeSync(file, `${line}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** What was done, by an earlier run too. */
const effects = new Set(dedupe ? linesOf('effects.log') : []);
const state = { done: new Map(), step: new Set(), answer: new Map() };
if (dedupe) {
  for (const line of linesOf('state.jsonl')) {
    const { done, step, answer, value } = JSON.parse(line);
    if (done !== undefined) state.done.set(done, value);
    else if (step !== undefined) state.step.add(step);
    else state.answer.set(answer, value);
  }
}

function write(text) {
  countWrite();
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes));
    } catch (error) {
      if (error.code === 'EPIPE') process.exit(0);
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1); // the pipe is full
    }
  }
}

const send = (type, fields) => write(`${JSON.stringify({ type, ...fields })}\n`);

function die() {
  process.kill(process.pid, 'SIGKILL');
  process.exit(137); // the first process of a container cannot kill itself
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const unescaped = (text) => text.replace(/\\(n|\\)/g, (_, letter) => (letter === 'n' ? '\n' : '\\'));

const queues = new Map();
const inFlight = new Map();
const waiting = new Map();
let peers = [];
let delivered;
let ended = false;

class Turn {
  text = '';
  over = false;

  constructor(message) {
    this.message = message;
    this.route = message.type === 'route';
    this.cancelled = new Promise((resolve) => {
      this.cancel = resolve;
    });
  }

  get of() {
    const { messageId, conversationId } = this.message;
    return ids ? { messageId, conversationId } : { conversationId };
  }

  event(event) {
    if (this.over) return;
    if (event.type === 'text') this.text += event.text;
    if (this.route && !ids) {
      const { fromId, conversationId } = this.message;
      send('bg_event', { source: `route:${fromId}`, conversationId, event });
    } else send('event', { ...this.of, event });
  }

  say(text) {
    this.event({ type: 'text', text });
  }

  /** Whether this step of the message was not taken before; it is from now on. */
  first(step) {
    if (!dedupe) return true;
    const key = `${this.message.messageId}.${step}`;
    if (state.step.has(key)) return false;
    state.step.add(key);
    appendDurably('state.jsonl', JSON.stringify({ step: key }));
    return true;
  }

  /** The turn ends with its text, or as what is given. */
  end(kept, beforeTelling = () => {}) {
    if (this.over) return;
    const { messageId } = this.message;
    const value = kept ?? { text: this.text };
    if (dedupe && kept === undefined) {
      state.done.set(messageId, value);
      appendDurably('state.jsonl', JSON.stringify({ done: messageId, value }));
    }
    beforeTelling();
    if (this.route)
      send('route_done', {
        requestId: this.message.requestId,
        ...(ids ? { messageId } : {}),
        response: value.text,
      });
    else send('chat_done', this.of);
    this.over = true;
  }

  fail(error) {
    if (this.over) return;
    this.over = true;
    send('error', { error, ...(ids ? { messageId: this.message.messageId } : {}) });
  }
}

/** What another wrote back for this request, though it came before anybody asked for it. */
async function answerOf(type, requestId, fields) {
  const kept = state.answer.get(requestId);
  if (kept !== undefined) return kept;
  const answer = new Promise((resolve) => waiting.set(requestId, resolve));
  send(type, { ...fields, requestId });
  return answer;
}

function takeAnswer({ requestId, response, error }) {
  const value = error === undefined ? { response } : { error };
  if (dedupe && !state.answer.has(requestId)) {
    state.answer.set(requestId, value);
    appendDurably('state.jsonl', JSON.stringify({ answer: requestId, value }));
  }
  waiting.get(requestId)?.(value);
  waiting.delete(requestId);
}

const shown = (answer) => (answer.error === undefined ? answer.response : `error: ${answer.error}`);

const commands = {
  say: (turn, text) => turn.say(text),
  think: (turn, text) => turn.event({ type: 'thought', text }),
  chunks: (turn, count) => {
    for (let n = 0; n < Number(count); n += 1) turn.say(`${n} `);
  },
  flood: async (turn, bytes) => {
    for (let left = Number(bytes); left > 0; left -= 65536) {
      turn.say('x'.repeat(Math.min(left, 65536)));
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
  long: (turn, bytes) => turn.say('x'.repeat(Number(bytes))),
  sleep: (_, milliseconds) => sleep(Number(milliseconds)),
  effect: (_, name) => {
    if (effects.has(name)) return;
    appendDurably('effects.log', name);
    if (dedupe) effects.add(name);
  },
  tool: async (turn, text, step) => {
    const [name, milliseconds = '0'] = text.split(' ');
    const tool = { type: 'tool', id: `${turn.message.messageId}.${step}`, title: name, kind: 'execute' };
    turn.event({ ...tool, status: 'in_progress' });
    await sleep(Number(milliseconds));
    turn.event({ ...tool, status: 'completed' });
  },
  ask: async (turn, text, step) => {
    const [, toId, message] = /^(\S+)\s?([\s\S]*)$/.exec(text) ?? [];
    const { messageId, conversationId } = turn.message;
    const requestId = `${messageId}.${step}`;
    const fields = ids ? { messageId, conversationId } : {};
    turn.say(shown(await answerOf('route_request', requestId, { toId, message, ...fields })));
  },
  manage: async (turn, text, step) => {
    const [, action, fields] = /^(\S+)\s?([\s\S]*)$/.exec(text) ?? [];
    const requestId = `${turn.message.messageId}.${step}`;
    turn.say(
      JSON.stringify(await answerOf('mgmt_request', requestId, { ...JSON.parse(fields || '{}'), action })),
    );
  },
  usage: (turn, count) => {
    const n = Number(count);
    const { messageId } = turn.message;
    send('usage', { messageId, model: 'scripted', inputTokens: n, outputTokens: n, totalTokens: 2 * n });
  },
  quota: (_, text) => {
    const [, milliseconds, message] = /^(\d+)\s?(.*)$/.exec(text) ?? [];
    send('quota', { until: Date.now() + Number(milliseconds), message });
  },
  background: (_, text) => {
    send('bg_event', { source: 'timer', conversationId: 'background', event: { type: 'text', text } });
    send('bg_done', { source: 'timer', conversationId: 'background' });
  },
  peers: (turn) => turn.say(JSON.stringify(peers)),
  env: (turn, name) => turn.say(env[name] ?? ''),
  garbage: () =>
    write('Traceback (most recent call last):\n{"type":"event"\n{"type":"dance"}\n[1]\n{"type":"ack"}\n'),
  error: (turn, text) => turn.fail(text),
  silent: () => new Promise(() => {}),
  crash: (turn, _, step) => turn.first(step) && die(),
  'crash-after-output': (turn, _, step) => {
    turn.say('before the crash ');
    if (turn.first(step)) die();
  },
  half: (turn, _, step) => {
    if (!turn.first(step)) return;
    write('{"type":"event","conversationId":"');
    die();
  },
  'crash-always': die,
  'crash-done': (turn, _, step) => turn.first(step) && turn.end(undefined, die),
  exit: (turn, code, step) => turn.first(step) && process.exit(Number(code)),
};

async function work(turn) {
  for (const [step, line] of turn.message.message.split('\n').entries()) {
    const [, name, text] = /^(\S+)\s?(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) turn.say(line);
    else await Promise.race([command(turn, unescaped(text), step), turn.cancelled]);
    if (turn.over) return;
  }
  turn.end();
}

async function drain(queue, conversation) {
  for (;;) {
    const [turn] = queue;
    if (turn === undefined) break;
    const { messageId } = turn.message;
    const kept = state.done.get(messageId);
    if (kept === undefined) await work(turn).catch((error) => turn.fail(String(error)));
    else {
      if (kept.text !== '') turn.say(kept.text);
      turn.end(kept);
    }
    inFlight.delete(messageId);
    queue.shift();
  }
  queues.delete(conversation);
  if (ended && inFlight.size === 0) process.exit(0);
}

function begin(message) {
  const { messageId, conversationId } = message;
  delivered ??= openSync('delivered.log', 'a');
  writeSync(delivered, `${messageId}\n`);
  if (env.JSONL_ACK !== 'off') send('ack', { messageId });
  if (inFlight.has(messageId)) return; // it is being worked on
  const turn = new Turn(message);
  inFlight.set(messageId, turn);
  const queue = queues.get(conversationId);
  if (queue !== undefined) {
    queue.push(turn);
    return;
  }
  const fresh = [turn];
  queues.set(conversationId, fresh);
  void drain(fresh, conversationId);
}

function query({ requestId, action, params }) {
  if (action === 'silent') return;
  if (action === 'fail') send('query_response', { requestId, error: 'it was asked to fail' });
  else if (action === 'status')
    send('query_response', { requestId, data: { inFlight: [...inFlight.keys()], done: state.done.size } });
  else send('query_response', { requestId, data: { action, params } });
}

function cancel({ messageId }) {
  const turn = inFlight.get(messageId);
  if (turn === undefined || env.JSONL_CANCEL !== 'on') return;
  turn.end({ text: turn.text });
  turn.cancel();
}

function take(line) {
  if (line.trim() === '') return;
  const message = JSON.parse(line);
  switch (message.type) {
    case 'chat':
    case 'route':
      return begin(message);
    case 'route_response':
    case 'mgmt_response':
      return takeAnswer(message);
    case 'query':
      return query(message);
    case 'cancel':
      return cancel(message);
    case 'peers_update':
      peers = message.peers;
      return;
    case 'shutdown':
      if (env.JSONL_SHUTDOWN !== 'off') process.exit(0);
      return;
    default:
      process.stderr.write(`passed over: ${line}\n`);
  }
}

let rest = [];
process.stdin.on('data', (chunk) => {
  const lines = chunk.toString('latin1').split('\n');
  const last = lines.pop();
  for (const line of lines) {
    const whole = Buffer.from(rest.join('') + line, 'latin1').toString();
    rest = [];
    try {
      take(whole);
    } catch (error) {
      process.stderr.write(`a line was not understood: ${error}: ${whole.slice(0, 200)}\n`);
    }
  }
  rest.push(last);
});
process.stdin.on('end', () => {
  ended = true;
  if (inFlight.size === 0) process.exit(0);
});

const ready = () =>
  send('ready', {
    agent: { name: 'scripted', version: '1' },
    canResume: env.JSONL_RESUME === 'on',
    cancel: env.JSONL_CANCEL === 'on',
    controls: {
      model: env.AGENTCTL_MODEL !== undefined,
      systemPrompt: env.AGENTCTL_SYSTEM_PROMPT !== undefined,
    },
  });
if (env.JSONL_READY === undefined || env.JSONL_READY === '0') ready();
else if (env.JSONL_READY !== 'never') setTimeout(ready, Number(env.JSONL_READY));
