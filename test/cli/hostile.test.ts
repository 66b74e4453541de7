import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { Client } from '../../src/cli/cli.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { hostile, payload, poisoned, stray } from './hostile.ts';
import { seed } from './seed.ts';
import { type How, useShell } from './support.ts';
import { diffs, seedSyncs } from './sync-seed.ts';

const noon = Date.parse('2026-01-31T12:00:00Z');

const shell = useShell({
  forecast: async () => [
    { at: noon + 25_000, what: 'Start', instance: 'web-0', message: 'The backoff ends.' },
  ],
  plan: async () => [
    {
      agent: { namespace: 'default', name: 'web' },
      text: 'Start web-0\n',
      actions: [{ id: 'a', type: 'Start', cause: 'First', message: 'x' }],
    },
  ],
  status: async () => ({
    pid: 4711,
    version: 'x',
    startedAt: noon,
    uptime: 1000,
    store: { id: 'x', path: '/store', revision: 42 },
    tls: { address: 'https://here', listen: 'there' },
    runtimes: [{ name: 'process', driver: 'process', ready: false, message: 'x', running: 1, queued: 0 }],
    agents: { total: 2, ready: 1 },
    instances: { Ready: 1 },
  }),
  async *log() {
    yield { stream: 'stdout', at: noon, text: 'a\tb\u001b[31m\n[web-1] c' };
  },
  diffSync: async () => diffs.fleet ?? Promise.reject(new Error('the seed has none')),
  volumes: async () => [{ runtime: 'docker', name: 'v' }],
  query: async () => ({ answer: 'x' }),
});

const manifest = (kind: string, rest: object): string =>
  JSON.stringify(poisoned({ apiVersion: 'agentctl.dev/v1', kind, ...rest }));

beforeAll(async () => {
  const { server, talk, folder } = shell;
  await seed(server);
  await seedSyncs(server);
  await server.client.create('ConfigMap', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'text', namespace: 'default' },
    data: { file: 'one\ntwo\n' },
  });
  await server.client.patch(
    'Agent',
    { namespace: 'default', name: 'web' },
    {
      type: 'merge',
      body: {
        spec: {
          protocol: 'acp',
          model: 'large',
          systemPrompt: 'Look after it.',
          capabilities: ['web'],
          schedule: [{ name: 'nightly', cron: '0 0 * * *', message: 'x' }],
          readiness: { exec: { command: ['true'] } },
        },
      },
    },
  );
  talk.conversation('c-1', { state: 'Open', instance: 'web-0', session: 's', tokens: '1', cost: '1 USD' });
  const spec = {
    agentRef: { name: 'web' },
    kind: 'Chat',
    from: 'user:ann',
    conversation: 'c-1',
    text: 'hi',
  } as const;
  talk.message('m-1', { spec });
  talk.state('m-1', 'Pending');
  talk.say('m-1', 'I look.\n');
  talk.tell('m-1', { type: 'tool', id: 't', title: 'ls', kind: 'execute', status: 'pending' });
  talk.tell('m-1', { type: 'tool', id: 't', status: 'failed', output: 'no' });
  talk.tell('m-1', { type: 'approval', id: 'a-1', title: 'ls', state: 'Pending' });
  talk.tell('m-1', { type: 'plan', entries: [{ content: 'look', status: 'completed' }] });
  talk.tell('m-1', { type: 'background', source: 'x', event: {}, done: true });
  talk.tell('m-1', { type: 'note', text: 'moved' });
  talk.end('m-1', { state: 'Completed', stopReason: 'max_tokens', answer: 'I look.\nHere.\n' });
  talk.message('m-2', { spec });
  talk.end('m-2', { state: 'Failed', reason: 'AgentError', message: 'oh no' });
  talk.approval('a-1');
  talk.approval('a-2');
  const unreported = { inputTokens: 0, outputTokens: 0, totalTokens: 0, cost: 0 };
  talk.used.push({ at: noon, sum: { model: 'large', turns: 1, cost: { USD: 1 }, unreported } });
  shell.write(
    'wrong.yaml',
    manifest('ConfigMap', { apiVersion: 'v1', metadata: { name: 'new' }, data: { a: 'b' } }),
  );
  shell.write(
    'agent.json',
    JSON.stringify({
      apiVersion: 'agentctl.dev/v1',
      kind: 'Agent',
      metadata: { name: 'web', annotations: { note: payload } },
      spec: { protocol: 'acp', model: payload, template: { command: [payload] } },
    }),
  );
  mkdirSync(join(folder, 'logs'), { recursive: true });
  mkdirSync(join(folder, 'server'), { recursive: true });
  writeFileSync(join(folder, 'logs', 'controller.log'), `{"msg":"${payload}"}\n`);
  writeFileSync(join(folder, 'server', 'admin.kubeconfig'), `# ${payload}\n`);
  vi.stubEnv('TMPDIR', folder);
});

test('logs keep tabs and one line an entry, and --raw prints the text as it is', async () => {
  const line = ['logs', 'web', '--prefix'];
  expect((await shell.run(line)).out).toBe('[web-0] a\tb\\u001b[31m\\n[web-1] c\n');
  expect((await shell.run([...line, '--raw'])).out).toBe('[web-0] a\tb\u001b[31m\n[web-1] c\n');
  expect((await shell.run(['controller', 'logs'])).out).toContain('\\u001b[2J\\u009b31m');
  expect((await shell.run(['controller', 'logs', '--raw'])).out).toContain('\u001b[2J\u009b31m');
});

test('a shell is offered names alone, since it expands what it is offered', async () => {
  const named = (name: string) => ({ metadata: { name } });
  const list = async () => ({
    items: ['web', '$(touch x)', '`x`', 'a b', '--all', 'x\ny', '\u001b[2J'].map(named),
  });
  const through = (client: Client): Client => Object.assign(Object.create(client), { list });
  expect((await shell.run(['__complete', 'get', 'agents', ''], { through })).out).toBe('web\n');
});

/** Ends what goes on by itself, once it has printed something. */
function briefly(): How {
  const over = new AbortController();
  const end = (): void => void setImmediate(() => over.abort());
  return { signal: over.signal, onOut: end, onErr: end };
}

const file = (name: string): string => `${shell.folder}/${name}`;
const each = (verb: string, words: readonly string[], ...rest: string[]): string[][] =>
  words.map((word) => [verb, word, ...rest]);

/** Each verb, in the ways that it prints something. */
const lines = (): Readonly<Record<string, readonly string[][]>> => ({
  init: [
    ['init', '--stdout'],
    ['init', payload],
  ],
  get: [
    ...each(
      'get',
      ['agents', 'instances', 'runtimes', 'policies', 'secrets', 'revisions', 'syncs'],
      '-o',
      'wide',
    ),
    ['get', 'all', '-A', '--show-labels', '--show-kind'],
    ['get', 'messages,conversations,approvals', '--sort-by=.metadata.name'],
    ...['json', 'yaml', 'name', 'jsonpath={.items[*].metadata}', 'custom-columns=A:.metadata.name'].map(
      (format) => ['get', 'agents', '-o', format],
    ),
    ['get', 'cm', 'text', '-o', 'jsonpath={.data}'],
    ['get', 'agents', 'nope', 'neither'],
    ['get', payload],
    ['get', 'agents', '-w'],
    ['get', 'agents', '-w', '-o', 'yaml'],
    ['get', 'messages', '-w'],
  ],
  describe: [
    ...each('describe', ['agents', 'instances', 'runtimes', 'policies', 'secrets', 'revisions', 'syncs']),
    ...each('describe', [
      'namespaces',
      'cm',
      'events',
      'messages',
      'conversations',
      'approvals',
      'agent/nope',
    ]),
  ],
  logs: [
    ['logs', 'web', '--timestamps', '--prefix'],
    ['logs', 'instance/web-0', '-f'],
    ['logs', 'nope'],
  ],
  events: [
    ['events', '-A'],
    ['events', '-o', 'yaml'],
    ['events', '-w'],
  ],
  explain: [
    ['explain', payload],
    ['explain', 'agent', '--recursive'],
  ],
  send: [
    ['send', 'web', 'x'],
    ['send', 'web', 'x', '-o', 'json'],
    ['send', 'nope', 'x'],
  ],
  messages: [
    ['messages', 'get'],
    ['messages', 'describe', 'm-1', 'm-2'],
    ['messages', 'follow', 'm-1'],
    ['messages', 'follow', 'm-1', '-o', 'json'],
    ['messages', 'follow', 'm-2'],
    ['messages', 'retry', 'nope'],
    ['messages', 'cancel', 'nope'],
  ],
  conversations: [
    ['conversations', 'get'],
    ['conversations', 'describe', 'c-1'],
    ['conversations', 'close', 'nope'],
  ],
  query: [['query', 'web', 'x']],
  usage: [['usage'], ['usage', '-o', 'json']],
  forecast: [
    ['forecast', 'web'],
    ['forecast', 'web', '-o', 'json'],
  ],
  plan: [
    ['plan', '-f', file('agent.json')],
    ['plan', '-f', file('agent.json'), '-o', 'json'],
  ],
  validate: [
    ['validate', '-f', file('wrong.yaml')],
    ['validate', '-f', file('agent.json')],
  ],
  diff: [
    ['diff', '-f', file('agent.json')],
    ['diff', '-f', file('agent.json'), '-o', 'json'],
    ['diff', '--sync', 'fleet'],
    ['diff', '--sync', 'fleet', '-o', 'json'],
  ],
  apply: [
    ['apply', '-f', file('wrong.yaml')],
    ['apply', '-f', file('agent.json'), '--dry-run=server', '-o', 'yaml'],
    ['apply', '-f', file(`gone${payload}.yaml`)],
  ],
  create: [
    ['create', 'namespace', payload],
    ['create', 'configmap', 'text', '--from-literal=a=b'],
  ],
  edit: [
    ['edit', 'policy', 'slow'],
    ['edit', 'policy', 'nope'],
  ],
  patch: [
    ['patch', 'policy', 'slow', '-p', '{"metadata":{"labels":{"a":"b"}}}', '-o', 'yaml'],
    ['patch', 'policy', 'nope', '-p', '{}'],
  ],
  label: [
    ['label', 'policy', 'slow', `a=${payload}`],
    ['label', 'policies', 'x=y', '--all'],
  ],
  annotate: [
    ['annotate', 'policies', `a=${payload}`, '--all'],
    ['annotate', 'policy', 'nope', 'a=b'],
  ],
  rollout: [
    ['rollout', 'history', 'web'],
    ['rollout', 'history', 'web', '--revision=1'],
    ['rollout', 'history', 'web', '-o', 'yaml'],
    ['rollout', 'status', 'web', '--watch=false'],
    ['rollout', 'undo', 'nope'],
  ],
  wait: [
    ['wait', 'agents', '--all', '--for=condition=Ready=True'],
    ['wait', 'agent/web', '--for=jsonpath={.spec'],
  ],
  scale: [['scale', 'nope', '--replicas=1']],
  suspend: [['suspend', 'nope']],
  resume: [['resume', 'nope']],
  sync: [
    ['sync', 'nope'],
    ['sync', '--all', '--wait=false'],
  ],
  approve: [
    ['approve', 'a-1'],
    ['approve', 'sync/held'],
    ['approve', 'runtime/process'],
  ],
  deny: [
    ['deny', 'a-2'],
    ['deny', 'nope'],
  ],
  run: [
    ['run', 'web', payload, '--prompt', 'x', '--', 'true'],
    ['run', 'web', '--prompt', 'x', '--', 'true'],
  ],
  controller: [
    ['controller', 'status'],
    ['controller', 'status', '-o', 'yaml'],
    ['controller', 'logs'],
  ],
  version: [['version'], ['version', '-o', 'json']],
  kubeconfig: [['kubeconfig']],
  'api-resources': [['api-resources'], ['api-resources', payload]],
  completion: [
    ['completion', 'bash'],
    ['completion', payload],
  ],
  delete: [
    ['delete', 'agents', '--all', '--dry-run=client'],
    ['delete', 'agent', 'nope'],
  ],
});

/** What these print is no text for people, or is tested elsewhere. */
const elsewhere: Readonly<Record<string, string>> = {
  chat: 'test/cli/chat.test.ts',
  mcp: 'the Model Context Protocol: JSON for a program',
  serve: 'the log of the controller: test/scenarios/escapes.test.ts',
};

test('every verb is looked at', () => {
  const looked = [...Object.keys(lines()), ...Object.keys(elsewhere)];
  expect(looked.sort()).toEqual(verbs.map(({ name }) => name).sort());
});

describe.each([
  ['in a pipe', {}],
  ['on a terminal', { out: true, err: true, color: true, columns: 400 }],
])('a hostile API steers no terminal, %s:', (_, terminal) => {
  test.each(verbs.map(({ name }) => name).filter((name) => elsewhere[name] === undefined))(
    '%s',
    async (name) => {
      let all = '';
      for (const words of lines()[name] ?? []) {
        const how = { terminal, through: hostile, environment: { KUBE_EDITOR: 'true' }, ...briefly() };
        const { text } = await shell.run(words, how);
        expect(stray(text.replace(payload, '')), text).toEqual([]); // the first line is the command itself
        all += text;
      }
      expect(all).toContain('\\u009b31m');
    },
  );
});
