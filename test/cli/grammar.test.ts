import { beforeAll, describe, expect, test } from 'vitest';
import { verbs } from '../../src/cli/verbs.ts';
import { seed } from './seed.ts';
import { useShell } from './support.ts';
import { makeSync } from './sync-seed.ts';

const shell = useShell();
beforeAll(() => seed(shell.server));

describe('help', () => {
  test('lists every verb', async () => {
    const { out, code } = await shell.run(['--help']);
    expect(code).toBe(0);
    for (const { name, summary } of verbs)
      expect(out).toMatch(new RegExp(`^  ${name} +${summary.slice(0, 20)}`, 'm'));
  });
  test.each(verbs.map(({ name }) => name))(
    'of %s has a usage, examples and the global options',
    async (name) => {
      const { out, code } = await shell.run([name, '--help']);
      expect(code).toBe(0);
      expect(out).toContain(`Usage: agentctl ${name}`);
      expect(out).toMatch(/Examples:\n {2}# /);
      expect(out).toContain('--namespace');
      expect(await shell.run(['help', name])).toMatchObject({ out });
    },
  );
  test('of a subcommand is its own', async () => {
    const { out } = await shell.run(['create', 'secret', 'generic', '--help']);
    expect(out).toContain('--from-literal');
    expect(out).toContain('agentctl create secret generic model');
  });
});

describe('flags', () => {
  test('may stand before the verb', async () => {
    const { out } = await shell.run(['-n', 'default', 'get', 'agents', '-o', 'name']);
    expect(out).toContain('agent.agentctl.dev/web');
  });
  test('may stand before a subcommand', async () => {
    expect((await shell.run(['rollout', '-n', 'other', 'history', 'web'])).err).toContain('"web" not found');
  });
  test.each(['-f', '--filename'])(
    'have a value after %s though it is the name of a subcommand',
    async (flag) => {
      expect((await shell.run(['create', flag, 'secret', '--dry-run=client'])).err).toContain(
        'the path "secret" does not exist',
      );
    },
  );
  test('take true and false as kubectl does', async () => {
    expect((await shell.run(['rollout', 'status', 'calm', '--watch=false'])).out).toContain(
      'successfully rolled out',
    );
    expect(await shell.run(['get', 'agents', '--watch=maybe'])).toMatchObject({ code: 64 });
  });
  test('with an optional value eat no operand', async () => {
    const { out } = await shell.run(['delete', '--dry-run', 'agent', 'web']);
    expect(out).toBe('agent.agentctl.dev "web" deleted (dry run)\n');
  });
  test('of the subcommand are not taken by the verb above it', async () => {
    const { out } = await shell.run([
      'create',
      'secret',
      'generic',
      'x',
      '--from-literal=a=b',
      '--dry-run',
      '-o',
      'name',
    ]);
    expect(out).toBe('secret/x\n');
    expect(await shell.run(['get', 'secret', 'x'])).toMatchObject({ code: 1 });
  });
});

test('only verbs that write ask for a controller', async () => {
  const before = shell.starts;
  await shell.run(['get', 'agents']);
  await shell.run(['describe', 'agents']);
  await shell.run(['wait', 'agent/calm', '--for=condition=Ready']);
  await shell.run(['delete', 'agent', 'web', '--dry-run=client']);
  expect(shell.starts).toBe(before);
  await shell.run(['label', 'agent', 'calm', 'a=b']);
  expect(shell.starts).toBe(before + 1);
});

describe('completion', () => {
  const complete = async (...words: string[]) =>
    (await shell.run(['__complete', ...words])).out.trimEnd().split('\n');
  test('offers verbs, kinds, names, subcommands and flags', async () => {
    expect(await complete('')).toContain('apply');
    expect(await complete('get', '')).toContain('agents');
    expect(await complete('get', 'agents', '')).toEqual(['calm', 'web']);
    expect(await complete('describe', 'agent/')).toEqual(['agent/calm', 'agent/web']);
    expect(await complete('logs', '')).toEqual(['calm', 'web']);
    expect(await complete('rollout', '')).toContain('undo');
    expect(await complete('get', 'agents', '--o')).toContain('--output=');
    await makeSync(shell.server, 'fleet');
    expect(await complete('diff', '--sync', '')).toEqual(['fleet']);
    expect(await complete('diff', '--sync=')).toEqual(['--sync=fleet']);
  });
  test.each(['bash', 'zsh', 'fish'])('prints a script for %s', async (name) => {
    expect((await shell.run(['completion', name])).out).toContain('agentctl __complete'.split(' ')[1]);
  });
});
