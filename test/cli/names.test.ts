import { beforeAll, describe, expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import type { Client } from '../../src/cli/cli.ts';
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
      err: 'error: "calm" is the name of several objects: use one of configmap/calm, agent/calm\n',
      code: 64,
    });
});

const meant = [
  ['wep', 'agent/web'],
  ['modal', 'secret/model'],
  ['slow-1', 'policy/slow'],
  ['agentz', '"agents"'],
  ['cal', 'configmap/calm, agent/calm'],
] as const;

const refusing = (client: Client): Client => ({
  ...client,
  list: () => Promise.reject(new ApiError('InternalError', 'lists are broken')),
});

describe.each(['describe', 'delete'])('%s of a word that is neither a type nor a name', (verb) => {
  const notFound = 'Error from server (NotFound): no resource type or object in namespace default is named';

  test.each(meant)('is not found, with what may be meant: %s', async (word, near) => {
    expect(await shell.run([verb, word])).toMatchObject({
      err: `${notFound} ${JSON.stringify(word)}; did you mean ${near}?\n`,
      code: 1,
    });
  });

  test('has no hint where nothing is near, or the names cannot be listed', async () => {
    expect((await shell.run([verb, 'zzz'])).err).toBe(`${notFound} "zzz"\n`);
    expect((await shell.run([verb, 'wep'], { through: refusing })).err).toBe(`${notFound} "wep"\n`);
  });
});

describe('get of a word that is not a type', () => {
  test.each(meant)('names what may be meant: %s', async (word, near) => {
    expect(await shell.run(['get', word])).toMatchObject({
      err: `error: the server doesn't have a resource type ${JSON.stringify(word)}; did you mean ${near}? See 'agentctl api-resources'.\n`,
      code: 64,
    });
  });

  test('has no hint where nothing is near, or the names cannot be listed', async () => {
    const unknown = `error: the server doesn't have a resource type "zzz". See 'agentctl api-resources'.\n`;
    expect((await shell.run(['get', 'zzz'])).err).toBe(unknown);
    expect((await shell.run(['get', 'zzz'], { through: refusing })).err).toBe(unknown);
  });
});

test('get of the name of an object says of what kind it is', async () => {
  expect((await shell.run(['get', 'web'])).err).toContain('did you mean agent/web?');
});

test('a near name that cannot be looked for leaves the error as it is', async () => {
  for (const verb of ['get', 'delete'])
    expect((await shell.run([verb, 'policy', 'slov'], { through: refusing })).err).toBe(
      'Error from server (NotFound): policies.agentctl.dev "slov" not found\n',
    );
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
