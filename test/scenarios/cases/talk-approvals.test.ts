import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Agent, Approval } from '../../../src/api/objects.ts';
import type { List } from '../../../src/client/resources.ts';
import { ready } from '../questions.ts';
import { eventually, Session } from '../support.ts';
import { messageOf, sent } from '../talking.ts';

/** An agent of ACP that does in its turn what PLAY says; `ask` answers the outcome, and what was heard stands in heard.log. */
const program = `import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
const out = (o) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...o }) + '\\n');
const waiting = new Map();
createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params, result } = JSON.parse(line);
  appendFileSync('heard.log', line + '\\n');
  if (method === undefined) return waiting.get(id)?.(result.outcome);
  if (method === 'initialize') return out({ id, result: { protocolVersion: 1, agentCapabilities: {} } });
  if (method === 'session/new') return out({ id, result: { sessionId: 's' + Date.now() } });
  if (method !== 'session/prompt') return id !== undefined && out({ id, error: { code: -32601, message: 'no' } });
  const sessionId = params.sessionId;
  const tell = (update) => out({ method: 'session/update', params: { sessionId, update } });
  const options = [
    { optionId: 'y', name: 'Yes', kind: 'allow_once' },
    { optionId: 'always', name: 'Yes, always', kind: 'allow_always' },
    { optionId: 'n', name: 'No', kind: 'reject_once' },
  ];
  const ask = (toolCall) => new Promise((resolve) => {
    waiting.set('q' + id, resolve);
    out({ id: 'q' + id, method: 'session/request_permission', params: { sessionId, toolCall, options } });
  });
  const begin = (call) => tell({ sessionUpdate: 'tool_call', ...call });
  const end = (toolCallId, status) => tell({ sessionUpdate: 'tool_call_update', toolCallId, status });
  const stopReason = (await eval('(async () => {' + process.env.PLAY + '})()')) ?? 'end_turn';
  out({ id, result: { stopReason } });
});
`;

const call = `{ toolCallId: 't', title: 'List the files', kind: 'execute', rawInput: { command: 'rm -rf ./week', description: 'List the files' } }`;

let session: Session;
beforeAll(() => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
});
afterAll(() => session.end());

async function begun(name: string, play: string, spec = ''): Promise<void> {
  const path = session.file('plays.mjs', program);
  await session.apply(`
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name} }
spec:
  minReady: 0s
  protocol: acp
  permissions: { default: Ask }
${spec}
  template:
    command: ${JSON.stringify([process.execPath, path])}
    env: [{ name: PLAY, value: ${JSON.stringify(play)} }]
`);
  await ready(session, name);
}

const approvalsOf = async (agent: string): Promise<Approval[]> =>
  (await session.json<List<Approval>>('get approvals')).items.filter(
    ({ spec }) => spec.agentRef.name === agent,
  );

async function asked(agent: string): Promise<string> {
  const pending = await eventually(
    async () => (await approvalsOf(agent)).find(({ status }) => status?.state === 'Pending'),
    (found) => found !== undefined,
  );
  return pending?.metadata.name ?? '';
}

const ended = (name: string) =>
  eventually(
    () => messageOf(session, name),
    ({ status }) => status?.endedAt !== undefined,
  ).then(({ status }) => status);

const enforced = async (agent: string) =>
  (await session.json<Agent>(`get agent ${agent}`)).status?.conditions?.find(
    ({ type }) => type === 'PermissionsEnforced',
  );

test('people read what would run wherever they are asked, and not the title alone', async () => {
  await begun('misled', `begin(${call}); await ask(${call}); end('t', 'completed');`);
  const stream = session.run(['send', 'misled', 'go', '--stream']);
  const id = await asked('misled');
  for (const line of ['get approvals', `describe approval ${id}`, 'get events', 'describe agent misled'])
    expect(await session.ok(line)).toContain('rm -rf ./week');
  expect(await session.ok(`describe approval ${id}`)).toContain('always: Yes, always (allow_always)');
  expect(await session.ok(`approve ${id} --option=always`)).toContain('rm -rf ./week');
  const { stderr, code } = await stream;
  expect(code).toBe(0);
  expect(stderr).toContain(`asks for permission: rm -rf ./week ("List the files"). agentctl approve ${id}`);
  expect((await approvalsOf('misled'))[0]?.status).toMatchObject({ state: 'Approved', option: 'always' });
});

test.each(['approve', 'deny'])(
  'a request under another id than the call is of the call, and %s decides it',
  async (verb) => {
    const name = `other-id-${verb}`;
    await begun(
      name,
      `begin(${call}); const { optionId } = await ask({ toolCallId: 'interrupt-9', title: 'execute' }); end('t', optionId === 'y' ? 'completed' : 'failed');`,
    );
    const message = await sent(session, name, 'go');
    const id = await asked(name);
    expect(await session.ok(`describe approval ${id}`)).toContain('rm -rf ./week');
    await session.ok(`${verb} ${id}`);
    expect(await ended(message)).toMatchObject({ state: 'Completed' });
    await eventually(
      () => enforced(name),
      (found) => found?.status === 'True',
    );
  },
);

test('a tool that is used without asking is noticed, though it failed', async () => {
  await begun('failing', `begin({ ...${call}, status: 'in_progress' }); end('t', 'failed');`);
  expect(await ended(await sent(session, 'failing', 'go'))).toMatchObject({
    state: 'Failed',
    reason: 'PermissionsNotEnforced',
  });
  await eventually(
    () => enforced('failing'),
    (found) => found?.status === 'False',
  );
});

test('agentctl’s own tools are neither put to people nor have to be asked about', async () => {
  const tool = `{ toolCallId: 't', title: 'agentctl_list_agents', kind: 'other', rawInput: {} }`;
  await begun(
    'peer',
    `await ask(${tool}); begin(${tool}); end('t', 'completed'); begin({ ...${tool}, toolCallId: 'u' }); end('u', 'completed');`,
    '  fleetAccess: Peers',
  );
  expect(await ended(await sent(session, 'peer', 'go'))).toMatchObject({ state: 'Completed' });
  expect(await approvalsOf('peer')).toEqual([]);
});

test('a turn that ends as cancelled after a denial has failed, and is not sent again', async () => {
  await begun('denied', `await ask(${call}); return 'cancelled';`);
  const message = await sent(session, 'denied', 'go');
  await session.ok(`deny ${await asked('denied')}`);
  expect(await ended(message)).toMatchObject({ state: 'Failed', reason: 'PermissionDenied', attempts: 1 });
  expect(await approvalsOf('denied')).toHaveLength(1);
});

test('a cancel after a restart of the controller withdraws what was asked', async () => {
  await begun(
    'cancelled',
    `const { outcome } = await ask(${call}); tell({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: outcome } });`,
  );
  const message = await sent(session, 'cancelled', 'go');
  const id = await asked('cancelled');
  await session.ok('controller restart');
  await session.ok(`messages cancel ${message}`);
  await eventually(
    () => approvalsOf('cancelled'),
    ([approval]) => approval?.status?.state === 'Cancelled',
  );
  expect(await session.run(['approve', id])).toMatchObject({ code: 1 });
  expect(await ended(message)).toMatchObject({ state: 'Failed', reason: 'Cancelled' });
  const turn = await session.ok(`messages describe ${message}`);
  expect(turn).toContain('cancelled');
  expect(turn).not.toContain('selected');
});
