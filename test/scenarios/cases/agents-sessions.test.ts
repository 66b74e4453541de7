import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ready } from '../questions.ts';
import { type Stage, stages } from '../runtimes.ts';
import { eventually, type Session } from '../support.ts';
import { asked, messageOf, sent } from '../talking.ts';

/**
 * An agent that ends at a line that is no message, keeps nothing of its first turn, which fails, resumes no session
 * though it says so, and loads none that was told `lock`. It answers with all that it has of the session.
 */
const strict = `
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
const out = (o) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...o }) + '\\n');
let failed = existsSync('failed');
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {} } = JSON.parse(line);
  const { sessionId } = params;
  const capabilities = { loadSession: true, sessionCapabilities: { resume: {} } };
  if (method === 'initialize') out({ id, result: { protocolVersion: 1, agentCapabilities: capabilities } });
  else if (method === 'session/new') {
    const made = 's' + process.pid + '-' + Date.now();
    writeFileSync(made, '');
    out({ id, result: { sessionId: made } });
  } else if (method === 'session/load') {
    if (!readFileSync(sessionId, 'utf8').includes('lock')) out({ id, result: {} });
  } else if (method === 'session/prompt') {
    if (!failed) {
      failed = true;
      writeFileSync('failed', '');
      return out({ id, error: { code: -32603, message: 'Internal error' } });
    }
    writeFileSync(sessionId, readFileSync(sessionId, 'utf8') + params.prompt.map(({ text }) => text).join('') + '|');
    const content = { type: 'text', text: process.pid + ' ' + readFileSync(sessionId, 'utf8') };
    out({ method: 'session/update', params: { sessionId, update: { sessionUpdate: 'agent_message_chunk', content } } });
    out({ id, result: { stopReason: 'end_turn' } });
  } else if (id !== undefined) out({ id, error: { code: -32601, message: 'Method not found' } });
});
`;

const onHost = (await stages()).filter(({ engine }) => engine === undefined);

describe.each(onHost)('a session of an agent that keeps to the letter', (stage: Stage) => {
  let session: Session;
  beforeAll(async () => {
    session = await stage.open();
    const command = JSON.stringify([process.execPath, session.file('strict.mjs', strict)]);
    await session.apply(`apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: strict }
spec:
  protocol: acp
  systemPrompt: You are the painter.
  minReady: 0s
  policy: { backoff: { schedule: [100ms], jitter: 0 }, stop: { gracePeriod: 300ms } }
  template: { command: ${command} }
`);
    await ready(session, 'strict', 1, 60_000);
  });
  afterAll(() => session.end());

  const answer = async (text: string): Promise<string> =>
    (await asked(session, 'strict', text, '--continue')).status?.answer ?? '';

  test('has the system prompt after a first turn that failed, once, and apart from the message', async () => {
    expect((await asked(session, 'strict', 'one')).status).toMatchObject({ reason: 'AgentError' });
    expect(await answer('two')).toMatch(/^\d+ You are the painter\.\n\ntwo\|$/);
    expect(await answer('three')).toMatch(/two\|three\|$/);
  });

  test('goes on in the same run when the controller was killed', async () => {
    const [before] = (await answer('four')).split(' ');
    process.kill(await session.controllerPid(), 'SIGKILL');
    expect(await answer('five')).toMatch(new RegExp(`^${before} .*four\\|five\\|$`, 's'));
  });

  test('is loaded after a restart where it cannot be resumed', async () => {
    const [before] = (await answer('six')).split(' ');
    await session.ok('rollout restart agent/strict');
    await session.ok('rollout status agent/strict --timeout=60s');
    const after = await answer('seven');
    expect(after).toMatch(/^\d+ You are the painter\..*six\|seven\|$/s);
    expect(after).not.toMatch(new RegExp(`^${before} `));
  });

  test('that is not given holds up no other one, and its message says so and can be cancelled', async () => {
    await answer('lock');
    await session.ok('rollout restart agent/strict');
    await session.ok('rollout status agent/strict --timeout=60s');
    const stuck = await sent(session, 'strict', 'eight', '--continue');
    expect((await asked(session, 'strict', 'other')).status).toMatchObject({ state: 'Completed' });
    expect((await messageOf(session, stuck)).status).toMatchObject({
      state: 'Pending',
      reason: 'OpeningSession',
    });
    await session.ok(`messages cancel ${stuck}`);
    await eventually(
      () => messageOf(session, stuck),
      ({ status }) => status?.state === 'Failed' && status.reason === 'Cancelled',
      5_000,
    );
  });
});
