import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { payload, stray } from '../cli/hostile.ts';
import { ready } from './questions.ts';
import { eventually, Session } from './support.ts';
import { ask } from './talking.ts';

/** Says in each field of the line protocol, on standard error and by its failures what would steer a terminal. */
const program = `
const evil = ${JSON.stringify(payload)};
const say = (line) => console.log(JSON.stringify(line));
console.error('stderr ' + evil);
say({ type: 'ready', agent: { name: 'n' + evil, version: 'v' + evil } });
require('node:readline').createInterface({ input: process.stdin }).on('line', (text) => {
  const line = JSON.parse(text);
  if (line.type === 'shutdown') process.exit();
  if (line.type === 'query') say({ type: 'query_response', requestId: line.requestId, error: 'no ' + evil });
  if (line.type !== 'chat') return;
  const { messageId, conversationId } = line;
  const event = (event) => say({ type: 'event', conversationId, event });
  if (line.message.includes('fail')) return say({ type: 'error', messageId, error: 'failed ' + evil });
  event({ type: 'thought', text: 'thought ' + evil });
  event({ type: 'tool', id: 't', title: 'tool ' + evil, kind: 'execute' + evil, status: 'in_progress' });
  event({ type: 'tool', id: 't', title: 'tool ' + evil, status: 'failed', output: 'output ' + evil });
  event({ type: 'text', text: 'text ' + evil });
  say({ type: 'usage', messageId, model: 'm' + evil, inputTokens: 1, cost: { amount: 1, currency: 'C' + evil } });
  say({ type: 'chat_done', conversationId, messageId, stopReason: 'stop ' + evil });
});
`;

/** Without the half of a character, which no pipe carries. */
const evil = payload.slice(0, -1);
/** As JSON escapes it. */
const shown =
  '\\u001b]52;c;cHduZWQ=\\u0007\\u001b[2J\\u009b31m\\u202eevil\\u202c\\rover\\u2028\\u200b\\udb40\\udc41\\ufeff';

/** What line editing writes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const editing = /\u001b\[(?:0J|\d+G)|\r(?=\r\n)/g;

describe('an agent that would steer the terminal', () => {
  // With colours, where it is a terminal.
  const session = new Session({ DOCKER_HOST: 'unix:///nowhere', NO_COLOR: '', TERM: 'xterm-256color' });
  beforeAll(async () => {
    await session.apply(
      JSON.stringify({
        apiVersion: 'agentctl.dev/v1',
        kind: 'Agent',
        metadata: { name: 'evil', annotations: { note: evil } },
        spec: {
          protocol: 'jsonl',
          model: `model ${evil}`,
          systemPrompt: `prompt ${evil}`,
          minReady: '0s',
          policy: { notify: [{ name: 'evil', reasons: ['*'], command: [`/nowhere/${evil}`] }] },
          template: { command: [process.execPath, session.file('evil.cjs', program)] },
        },
      }),
    );
    await ready(session, 'evil', 1);
    await ask(session, 'evil', 'good day');
    await ask(session, 'evil', 'fail');
  });
  afterAll(() => session.end());

  /** As typed at a terminal, with what is typed then. */
  const atTerminal = (args: readonly string[], typed = ''): Promise<string> =>
    new Promise((resolve, reject) => {
      const { command, args: words, env } = session.command(args);
      const line = [command, ...words].map((word) => `'${word}'`).join(' ');
      const child = spawn('script', ['-qec', `stty cols 400; ${line}`, '/dev/null'], { env });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk;
        if (typed !== '' && output.includes('> ')) child.stdin.write(typed);
        if (output.includes('> ')) typed = '';
      });
      child.on('error', reject);
      child.on('close', () => resolve(output));
    });

  const lines = [
    ['get', 'agents,instances,messages,events', '-o', 'wide'],
    ['get', 'agent', 'evil', '-o', 'yaml'],
    ['get', 'messages', '-o', 'json'],
    ['get', 'messages', '-o', 'jsonpath={.items[*].status}'],
    ['describe', 'agent', 'evil'],
    ['describe', 'instance', 'evil-0'],
    ['describe', 'messages'],
    ['describe', 'conversations'],
    ['messages', 'get'],
    ['send', 'evil', 'good day', '--stream'],
    ['send', 'evil', 'fail', '--wait'],
    ['query', 'evil', 'x'],
    ['usage'],
    ['events'],
    ['logs', 'evil', '--timestamps', '--prefix'],
    ['controller', 'logs'],
  ].map((words) => [words.join(' '), words] as const);
  test.each(lines)('%s in a pipe', async (_, words) => {
    const { stdout, stderr } = await session.run(words);
    expect(stray(stdout + stderr)).toEqual([]);
  });
  test.each(lines)('%s on a terminal', async (_, words) => {
    expect(stray(await atTerminal(words))).toEqual([]);
  });

  test('chat on a terminal', async () => {
    const output = await atTerminal(['chat', 'evil'], 'good day\r/quit\r');
    expect(stray(output.replace(editing, ''))).toEqual([]);
    expect(output).toContain(`text ${shown}`);
  });

  test('its words are shown as JSON escapes them', async () => {
    expect((await ask(session, 'evil', 'good day')).stdout).toContain(`text ${shown}`);
    expect((await ask(session, 'evil', 'fail')).stderr).toContain(`failed ${shown}`);
    expect(await session.ok('logs evil')).toContain(`stderr ${shown}`);
    expect(await session.ok('describe agent evil')).toContain(`model ${shown}`);
  });

  test('--raw prints them as they are, and JSON has the same value', async () => {
    expect(await session.ok('logs evil --raw')).toContain(`stderr ${evil}`);
    expect((await ask(session, 'evil', 'good day', '--raw')).stdout).toContain(`text ${evil}`);
    expect((await session.json<{ spec: { model: string } }>('get agent evil')).spec.model).toBe(
      `model ${evil}`,
    );
  });

  test('the log of the controller has it as escapes of JSON, for whoever reads the file', async () => {
    const log = (): string => readFileSync(join(session.state, 'logs', 'controller.log'), 'utf8');
    await eventually(log, (text) => text.includes('a notification failed'));
    expect(stray(log())).toEqual([]);
    const [line = ''] = log()
      .split('\n')
      .filter((text) => text.includes('a notification failed'));
    expect(JSON.parse(line).err.message).toContain(evil);
  });
});
