import { beforeAll, expect, test } from 'vitest';
import { seed } from './seed.ts';
import { useShell } from './support.ts';

const shell = useShell();
beforeAll(async () => {
  await seed(shell.server);
  await shell.run(['create', 'configmap', 'calm', '--from-literal=a=b']);
});

test('describe and delete take a bare name where one object has it', async () => {
  expect((await shell.run(['describe', 'web'])).out).toMatch(/^Name: +web\n/);
  await shell.run(['create', 'configmap', 'once', '--from-literal=a=b']);
  expect(await shell.run(['delete', 'once'])).toMatchObject({ out: 'configmap "once" deleted\n', code: 0 });
});

test('a bare name that several objects have is refused, with all of them', async () => {
  for (const verb of ['describe', 'delete'])
    expect(await shell.run([verb, 'calm'])).toMatchObject({
      err: 'error: "calm" is the name of several objects: write one of configmap/calm, agent/calm\n',
      code: 64,
    });
});

test('a bare name that no object has is told as an unknown kind', async () => {
  expect((await shell.run(['describe', 'nothing'])).err).toContain(`doesn't have a resource type "nothing"`);
});

test.each([
  ['get', 'agent', 'wep'],
  ['describe', 'agent/wep'],
  ['delete', 'agent', 'wep'],
  ['logs', 'wep'],
  ['scale', 'wep', '--replicas=2'],
  ['rollout', 'history', 'wep'],
])('%s %s %s names the agent that may be meant', async (...words) => {
  expect((await shell.run(words)).err).toMatch(
    /agents\.agentctl\.dev "wep" not found; did you mean "web"\?\n/,
  );
});

test.each(['top', 'ps', 'ls', 'status', 'restart', 'stop', 'start', 'exec', 'attach'])(
  '%s is answered with the command that does it',
  async (verb) => {
    const { err, code } = await shell.run([verb, 'web']);
    expect(err).toMatch(new RegExp(`^error: unknown command "${verb}"\\. Use agentctl [a-z]+ `));
    expect(code).toBe(64);
  },
);
