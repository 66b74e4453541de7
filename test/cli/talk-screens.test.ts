import { beforeAll, describe, expect, test } from 'vitest';
import { agent } from '../server/support.ts';
import { golden, session, useShell } from './support.ts';

const shell = useShell({
  async *log(_instance, { raw }) {
    yield raw === true
      ? { stream: 'stdout', text: '{"type":"ready"}' }
      : { stream: 'stdout', text: 'user:ann: Good day' };
  },
});

beforeAll(async () => {
  const { client } = shell.server;
  await client.create(
    'Agent',
    agent('web', {
      protocol: 'acp',
      model: 'large-1',
      systemPrompt: 'You look after the web.\nBe brief.',
      capabilities: ['web', 'mail'],
      fleetAccess: 'Manage',
      permissions: { rules: [{ toolKind: 'read', action: 'Allow' }], unenforced: 'Accept' },
      schedule: [
        { name: 'nightly', cron: '30 4 * * *', timezone: 'Europe/Berlin', message: 'Tidy up.' },
        { name: 'never', cron: '0 0 1 1 *', message: 'x', suspend: true },
      ],
    }),
  );
  const { metadata } = await client.get('Agent', { namespace: 'default', name: 'web' });
  await shell.server.controller.create('Instance', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Instance',
    metadata: { name: 'web-0', namespace: 'default' },
    spec: { agentName: 'web', agentUID: metadata.uid, ordinal: 0, runtimeRef: { name: 'process' } },
  });
  const spec = { agentRef: { name: 'web' }, kind: 'Chat', from: 'user:ann', conversation: 'c-1' } as const;
  const at = { deliveredAt: '2026-01-31T12:00:01Z', endedAt: '2026-01-31T12:00:13Z' };
  const by = { instance: 'web-0', run: 1, attempts: 1 };
  const { talk } = shell;
  talk.conversation('c-1', {
    state: 'Open',
    instance: 'web-0',
    messages: 3,
    tokens: '1234',
    cost: '0.02 USD',
    activeAt: '2026-01-31T12:00:00Z',
    session: 's-77',
  });
  talk.conversation('c-2', { state: 'Closed', reason: 'Idle', messages: 0, tokens: '?', cost: '?' });
  talk.message('m-1', { spec: { ...spec, text: 'Good day.\nWhat is there?' } });
  talk.say('m-1', 'I look.\n');
  talk.tell('m-1', { type: 'tool', id: 't', title: 'ls', kind: 'execute', status: 'pending' });
  talk.tell('m-1', { type: 'approval', id: 'a-1', title: 'ls', state: 'Pending' });
  talk.tell('m-1', { type: 'approval', id: 'a-1', title: 'ls', state: 'Approved' });
  talk.tell('m-1', {
    type: 'plan',
    entries: [
      { content: 'look', status: 'completed' },
      { content: 'tell', status: 'pending' },
    ],
  });
  talk.say('m-1', 'There are\ntwo files.\n');
  talk.end('m-1', {
    ...at,
    ...by,
    state: 'Completed',
    stopReason: 'end_turn',
    answer: 'I look.\nThere are\ntwo files.\n',
    tokens: '1234',
    cost: '0.02 USD',
  });
  talk.message('m-2', { spec: { ...spec, text: 'Delete one.', key: 'k-1' } });
  talk.end('m-2', { ...at, ...by, state: 'Failed', reason: 'Cancelled', message: 'By ann.', tokens: '?' });
  talk.message('m-3', {
    spec: { ...spec, from: 'agent:default/boss', kind: 'Route', text: 'And now?', hops: 1, parent: 'm-9' },
    status: { state: 'Delivered', ...by },
  });
  talk.message('m-4', {
    spec: { ...spec, conversation: 'c-3', from: 'schedule:nightly', kind: 'Scheduled', text: 'Tidy up.' },
    status: { state: 'Pending', attempts: 0 },
  });
  talk.approval('a-1', { state: 'Approved', by: 'ann', decidedAt: '2026-01-31T12:00:02Z' });
  talk.approval('a-2');
  const known = { inputTokens: 0, outputTokens: 0, totalTokens: 0, cost: 0 };
  const unknown = { inputTokens: 1, outputTokens: 1, totalTokens: 1, cost: 1 };
  const noon = Date.parse('2026-01-31T12:00:00Z');
  talk.used.push(
    { at: noon - 60_000_000_000, sum: { model: 'gone', turns: 9, unreported: known } },
    { at: noon - 6_000_000_000, sum: { turns: 1, unreported: unknown } },
    {
      at: noon - 60_000,
      sum: {
        model: 'large-1',
        turns: 3,
        inputTokens: 1_200,
        outputTokens: 34,
        totalTokens: 1_234,
        cost: { USD: 0.02 },
        unreported: unknown,
      },
    },
    {
      at: noon,
      sum: { model: 'small-2', turns: 1, totalTokens: 0, unreported: { ...unknown, totalTokens: 0 } },
    },
  );
  shell.server.clock.advance(60_000);
});

describe('what people see of the talk', () => {
  const screens: Record<string, readonly (readonly string[])[]> = {
    'talk-get': [
      ['get', 'messages'],
      ['get', 'msg', '-A', '-o', 'wide'],
      ['messages', 'get', '--state=failed'],
      ['messages', 'get', 'message/m-1', 'm-3'],
      ['messages', 'get', 'm-1', '--agent=web'],
      ['messages', 'get', '--agent=nobody'],
      ['get', 'conversations'],
      ['conversations', 'get', '--agent=web', '--state=open', '-o', 'name'],
      ['get', 'approvals', '--field-selector=status.state=Pending'],
      ['messages', 'get', '--state=lost'],
      ['delete', 'message', 'm-1'],
      ['logs', 'web'],
      ['logs', 'web', '--raw'],
    ],
    'talk-describe': [
      ['messages', 'describe', 'm-1'],
      ['describe', 'message', 'm-2'],
      ['describe', 'conversation', 'c-1'],
      ['describe', 'conversation', 'c-2'],
      ['describe', 'approvals', 'a-1', 'a-2'],
      ['messages', 'describe', 'm-nope'],
    ],
    'talk-agent': [
      ['describe', 'agent', 'web', '--no-show-events'],
      ['describe', 'instance', 'web-0', '--no-show-events'],
    ],
    'talk-usage': [
      ['usage'],
      ['usage', '-A'],
      ['usage', 'web', '--since=1m'],
      ['usage', 'agent/web', '-A', '--since=90d'],
      ['usage', 'web', '-o', 'json', '--since=1h'],
      ['usage', 'web', '--since=1s'],
      ['usage', 'nobody'],
      ['usage', 'policy/slow'],
      ['usage', '--since=ever'],
    ],
  };
  test.each(Object.entries(screens))('%s', async (name, lines) => {
    const text = await session(shell, lines);
    expect(text).not.toMatch(/ +\n/); // no trailing spaces
    await expect(text).toMatchFileSnapshot(golden(name));
  });
  test('of a turn are no events that the agent made up', async () => {
    shell.talk.message('m-liar');
    shell.talk.say('m-liar', 'I asked.\n[12:00:03] approved: rm -rf /\n');
    shell.talk.tell('m-liar', {
      type: 'tool',
      id: 't',
      title: 'ls\n[12:00:03] approved: ls',
      status: 'pending',
    });
    expect((await shell.run(['messages', 'describe', 'm-liar'])).out).toContain(
      'Turn:\n  I asked.\n    [12:00:03] approved: rm -rf /\n  [12:00:00] * ls\\n[12:00:03] approved: ls\n',
    );
    shell.talk.remove('Message', 'm-liar');
  });
  test('of a message that goes on is told what has come so far', async () => {
    shell.talk.say('m-3', 'half an ans');
    expect((await shell.run(['messages', 'describe', 'm-3'])).out).toContain('Turn:\n  half an ans\n');
  });
});

describe('completion', () => {
  const complete = async (...words: string[]) =>
    (await shell.run(['__complete', ...words])).out.trimEnd().split('\n');
  test('offers agents, ids and templates', async () => {
    expect(await complete('send', '')).toEqual(['web']);
    expect(await complete('send', 'web', '')).toEqual(['']);
    expect(await complete('chat', '')).toEqual(['web']);
    expect(await complete('query', '')).toEqual(['web']);
    expect(await complete('usage', '')).toEqual(['web']);
    expect(await complete('usage', '--')).toContain('--since=');
    expect(await complete('messages', 'get', '--state=')).toContain('--state=failed');
    expect(await complete('kubeconfig', '--role', '')).toEqual(['admin', 'edit', 'view']);
    expect(await complete('create', 'secret', '')).toEqual(['generic']);
    expect(await complete('describe', '')).toEqual(expect.arrayContaining(['agents', 'web']));
    expect(await complete('run', '--per')).toContain('--permissions=');
    expect(await complete('messages', '')).toContain('retry');
    expect(await complete('messages', 'retry', '')).toContain('m-2');
    expect(await complete('conversations', 'close', '')).toContain('c-1');
    expect(await complete('approve', '')).toContain('a-2');
    expect(await complete('init', '')).toContain('opencode');
    expect(await complete('describe', 'conversation/')).toContain('conversation/c-1');
  });
});
