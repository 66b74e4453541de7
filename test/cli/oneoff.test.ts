import { describe, expect, test } from 'vitest';
import type { Agent } from '../../src/api/objects.ts';
import { until } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell({ volumes: async () => [] });
const web = { namespace: 'default', name: 'web' };

const found = (): Promise<Agent | undefined> => shell.server.client.get('Agent', web).catch(() => undefined);

/** The controller's part, for an agent that has been made. */
async function becomes(status: 'True' | 'False', rest: Agent['status'] = {}): Promise<void> {
  const condition = {
    type: 'Ready',
    status,
    observedGeneration: 1,
    lastTransitionTime: '2026-01-31T12:00:00Z',
    reason: 'Because',
    message: 'so it is',
  };
  let agent: Agent | undefined;
  while (agent === undefined) agent = await found();
  const next = { ...agent, status: { observedGeneration: 1, conditions: [condition], ...rest } };
  await shell.server.controller.update('Agent', next, { subresource: 'status' });
}

async function sent(before: number): Promise<string> {
  await until(() => shell.talk.sent.length > before);
  return `m${shell.talk.sent.length}`;
}

const flags = ['--protocol=jsonl', '--env', 'A=b=c', '--model=large', '--permissions=deny'];

describe('run --rm', () => {
  test('starts an agent, prints its answer, and removes it', async () => {
    const before = shell.talk.sent.length;
    const starts = shell.starts;
    const running = shell.run([
      'run',
      'web',
      '--rm',
      '--prompt',
      'Hello',
      ...flags,
      '--',
      'worker',
      '--rm',
      '-x',
    ]);
    await becomes('True');
    const id = await sent(before);
    expect(shell.starts).toBe(starts + 1);
    expect((await found())?.spec).toMatchObject({
      protocol: 'jsonl',
      model: 'large',
      permissions: { default: 'Deny' },
      policy: { restart: { on: 'Never' } },
      template: { command: ['worker', '--rm', '-x'], env: [{ name: 'A', value: 'b=c' }] },
    });
    shell.talk.say(id, 'Hi.');
    shell.talk.finish(id, 'Hi.');
    expect(await running).toMatchObject({ out: 'Hi.\n', err: '', code: 0 });
    expect(shell.talk.sent.at(-1)).toMatchObject({ text: 'Hello', from: 'ann' });
    expect(await found()).toBeUndefined();
  });
  test('removes it where it cannot run, and tells why, without advice about what is removed', async () => {
    const running = shell.run(['run', 'web', '--rm', '--prompt=x', '--', 'worker']);
    await becomes('False', {
      phase: 'Failed',
      reason: 'CommandNotFound',
      message: 'Install worker. Its output: agentctl logs web-0.',
    });
    let done = false;
    void running.finally(() => {
      done = true;
    });
    while (!done) {
      shell.server.clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { out, err, code } = await running;
    expect([out, code]).toEqual(['', 1]);
    expect(err).toContain('agent/web cannot run: Failed: CommandNotFound: Install worker.');
    expect(err).not.toContain('agentctl logs');
    expect(await found()).toBeUndefined();
  });
  test('removes it where its message fails', async () => {
    const before = shell.talk.sent.length;
    const running = shell.run(['run', 'web', '--rm', '--prompt=x', '--', 'worker']);
    await becomes('True');
    shell.talk.end(await sent(before), { state: 'Failed', reason: 'Refusal' });
    expect(await running).toMatchObject({ code: 4 });
    expect(await found()).toBeUndefined();
  });
  test.each(['before it is Ready', 'in its turn'])('removes it at Ctrl-C %s', async (when) => {
    const before = shell.talk.sent.length;
    const interruption = new AbortController();
    const running = shell.run(['run', 'web', '--rm', '--prompt=x', '--', 'worker'], {
      signal: interruption.signal,
    });
    await becomes(when === 'in its turn' ? 'True' : 'False');
    if (when === 'in its turn') {
      await sent(before);
      await until(() => shell.talk.reading > 0);
    }
    interruption.abort();
    expect(await running).toMatchObject({ code: 130 });
    expect(await found()).toBeUndefined();
  });
  test('never takes over an agent that is there already', async () => {
    const yaml = `apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: web }
spec: { protocol: acp, template: { command: [other] } }
`;
    const file = shell.write('agent.yaml', yaml);
    await shell.run(['apply', '-f', file]);
    const { err, code } = await shell.run(['run', '--rm', '-f', file, '--prompt=x']);
    expect([err, code]).toEqual([expect.stringContaining('already exists'), 1]);
    expect(err).toContain('agentctl run NAME');
    expect(await found()).toBeDefined();
    await shell.run(['delete', 'agent', 'web']);
  });
});

describe('run', () => {
  test('without --rm leaves the agent, and says so', async () => {
    const before = shell.talk.sent.length;
    const file = shell.write(
      'generated.yaml',
      'apiVersion: agentctl.dev/v1\nkind: Agent\nmetadata: { generateName: one- }\nspec: { protocol: acp, template: { command: [x] } }\n',
    );
    const running = shell.run(['run', 'web', '-f', file], { stdin: 'from a pipe' });
    await becomes('True');
    shell.talk.finish(await sent(before), 'Hi.');
    const { out, err, code } = await running;
    expect([out, code]).toEqual(['Hi.\n', 0]);
    expect(err).toContain('agent/web keeps running');
    expect(err).toContain('agentctl delete agent web');
    expect(shell.talk.sent.at(-1)?.text).toBe('from a pipe');
    expect(await found()).toBeDefined();
    await shell.run(['delete', 'agent', 'web']);
  });
  test('sends to an agent that sleeps until a message arrives', async () => {
    const before = shell.talk.sent.length;
    const running = shell.run(['run', 'web', '--rm', '--prompt=x', '--', 'worker']);
    await becomes('False', { phase: 'Asleep', reason: 'NoMessages' });
    shell.talk.finish(await sent(before), 'Hi.');
    expect(await running).toMatchObject({ out: 'Hi.\n', code: 0 });
  });
  test('without a name has one generated', async () => {
    const interruption = new AbortController();
    const running = shell.run(['run', '--rm', '--prompt=x', '--', 'worker'], { signal: interruption.signal });
    let name: string | undefined;
    while (name === undefined) {
      const { items } = await shell.server.client.list('Agent', { namespace: 'default' });
      name = items[0]?.metadata.name;
    }
    expect(name).toMatch(/^run-[a-z0-9]{5}$/);
    interruption.abort();
    expect(await running).toMatchObject({ code: 130 });
  });
  test.each([
    [['run', '--prompt=x'], 64, 'specify what to run'],
    [['run', 'a', 'b', '--prompt=x', '--image=y'], 64, 'expected one name'],
    [['run', '--prompt=x', '--image=y', '--env', 'A'], 64, 'expected NAME=value'],
    [['run', '--prompt=x', '--image=y', '-f', 'z'], 64, '-f cannot be combined with --image'],
    [['run', '--prompt=x', '-f', 'z', '--', 'y'], 64, '-f cannot be combined with the command'],
    [
      ['run', '--image=y'],
      64,
      'standard input is empty: specify the text with --prompt TEXT, or on standard input',
    ],
    [['run', '--prompt=x', '-f', 'nowhere.yaml'], 1, 'does not exist'],
  ])('%j is refused', async (words, exit, why) => {
    const { err, code } = await shell.run(words);
    expect(err).toContain(why);
    expect(code).toBe(exit);
  });
  test('takes one agent that talks, and nothing else', async () => {
    const kind = (text: string) => `apiVersion: agentctl.dev/v1\nkind: ${text}\n`;
    const mute = kind('Agent\nmetadata: { name: web }\nspec: { template: { command: [x] } }');
    const policy = kind('Policy\nmetadata: { name: web }\nspec: {}');
    const run = (text: string) => shell.run(['run', '-f', shell.write('some.yaml', text), '--prompt=x']);
    expect((await run(mute)).err).toContain('has no protocol');
    expect((await run(policy)).err).toContain('found Policy, expected one Agent');
    expect((await run(`${mute}---\n${policy}`)).err).toContain('found Agent, Policy, expected one Agent');
    expect((await run(kind('Agent\nmetadata: { name: web }\nspec: { tmplate: {} }'))).err).toContain(
      'template',
    );
  });
});
