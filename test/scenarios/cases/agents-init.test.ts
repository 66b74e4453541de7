import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Agent, Approval } from '../../../src/api/objects.ts';
import type { List } from '../../../src/client/resources.ts';
import { ready } from '../questions.ts';
import { type Stage, stages } from '../runtimes.ts';
import { eventually, type Session } from '../support.ts';
import { messageOf, sent } from '../talking.ts';

const root = join(import.meta.dirname, '../../..');
const script = join(root, 'test/agents/vendors.mjs');
const names = ['opencode', 'claude', 'codex', 'gemini', 'qwen', 'pi'];

/** The manifest as `init` writes it, with a script that behaves as that agent does. */
function manifest(name: string): Agent {
  const agent = parse(readFileSync(join(root, `manifests/${name}.yaml`), 'utf8')) as Agent; // it is checked elsewhere
  agent.spec.template.command = [process.execPath, script, name];
  return agent;
}

const onHost = (await stages()).filter(({ engine }) => engine === undefined);

describe.each(onHost)('the agents that init knows', (stage: Stage) => {
  let session: Session;
  beforeAll(async () => {
    session = await stage.open();
    for (const name of names) {
      const keys = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY'];
      await session.ok(
        `create secret generic ${name} ${keys.map((key) => `--from-literal=${key}=k`).join(' ')}`,
      );
    }
    await session.apply(names.map((name) => JSON.stringify(manifest(name))).join('\n---\n'));
  });
  afterAll(() => session.end());

  test.each(names)('%s asks before its first tool call, and acts once that is approved', async (name) => {
    await ready(session, name, 1, 60_000);
    const { spec, status } = await session.json<Agent>(`get agent ${name}`);
    if (spec.session?.mode !== undefined)
      expect(status?.conditions).toContainEqual(
        expect.objectContaining({ type: 'SessionModeApplied', status: 'True' }),
      );
    const message = await sent(session, name, 'touch made');
    const { items } = await eventually(
      () => session.json<List<Approval>>('get approvals'),
      (list) => list.items.some((one) => one.spec.agentRef.name === name && one.status?.state === 'Pending'),
    );
    const [approval] = items.filter((one) => one.spec.agentRef.name === name);
    expect(approval?.spec.title).toBe('touch made');
    await session.ok(`approve ${approval?.metadata.name ?? ''}`);
    const ended = await eventually(
      () => messageOf(session, message),
      (one) => one.status?.endedAt !== undefined,
    );
    expect([ended.status?.state, ended.status?.message]).toEqual(['Completed', undefined]);
  });
});
