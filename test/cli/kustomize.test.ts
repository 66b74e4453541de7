import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lacks } from '../needs.ts';
import { useShell } from './support.ts';

const shell = useShell();
const agent = (name: string): string =>
  `apiVersion: agentctl.dev/v1\nkind: Agent\nmetadata: { name: ${name} }\nspec: { template: { command: [sleep, "60"] } }\n`;

/** A PATH with a kustomize that answers with what the folder's file `rendered` holds. */
function environment(): Record<string, string> {
  const folder = join(shell.folder, 'bin');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'kustomize'), '#!/bin/sh\nexec /bin/cat "$2/rendered"\n', { mode: 0o755 });
  return { PATH: folder };
}

function overlay(name: string, rendered: string): string {
  mkdirSync(join(shell.folder, name), { recursive: true });
  writeFileSync(join(shell.folder, name, 'kustomization.yaml'), 'resources: []\n');
  shell.write(`${name}/rendered`, rendered);
  return join(shell.folder, name);
}

describe('-k', () => {
  test('is taken by every verb that reads manifests', async () => {
    const folder = overlay('prod', agent('overlay'));
    const how = { environment: environment() };
    const run = async (...words: string[]) => (await shell.run([...words, '-k', folder], how)).out;
    expect(await run('validate')).toBe('agent.agentctl.dev/overlay valid\n');
    expect(await run('diff')).toContain('would be created');
    expect(await run('apply')).toBe('agent.agentctl.dev/overlay created\n');
    expect(await run('diff')).toBe('');
    expect(await run('delete', '--no-wait')).toContain('agent.agentctl.dev "overlay" deleted');
    expect(await run('create')).toBe('agent.agentctl.dev/overlay created\n');
  });

  test('tells errors at their place in what was rendered', async () => {
    const folder = overlay('wrong', `${agent('one')}---\n${agent('bad').replace('spec', 'spce')}`);
    const { err, code } = await shell.run(['apply', '-k', folder], { environment: environment() });
    expect(code).toBe(1);
    expect(err).toContain(`kustomize build ${folder}:`);
    expect(err).toContain('Agent/bad: ');
  });

  test('is not used together with -f or -R, and takes a folder', async () => {
    const folder = overlay('alone', agent('alone'));
    expect(await shell.run(['apply', '-k', folder, '-f', folder])).toMatchObject({ code: 64 });
    expect(await shell.run(['apply', '-k', folder, '-R'])).toMatchObject({ code: 64 });
    expect((await shell.run(['apply', '-k', join(folder, 'rendered')])).err).toContain('is a file');
    expect((await shell.run(['apply', '-k', join(folder, 'none')])).err).toContain('does not exist');
    expect(await shell.run(['delete', '-k', folder, 'agent', 'web'])).toMatchObject({ code: 64 });
  });

  test.each([[], ['-R']])('is what a folder with a kustomization is to be read with %j', async (...flags) => {
    const folder = overlay('named', agent('named'));
    expect(await shell.run(['apply', '-f', folder, ...flags])).toMatchObject({
      code: 1,
      err: `error: ${join(folder, 'kustomization.yaml')} is a kustomization: use -k ${folder}\n`,
    });
  });

  test('says what is missing where there is neither kustomize nor kubectl', async () => {
    const folder = overlay('none', agent('none'));
    const { err, code } = await shell.run(['apply', '-k', folder], { environment: { PATH: '/nowhere' } });
    expect(code).toBe(1);
    expect(err).toContain('Install one: https://');
  });

  test.skipIf(lacks('kubectl'))('renders by kubectl itself', async () => {
    const folder = overlay('real', '');
    writeFileSync(join(folder, 'kustomization.yaml'), 'resources: [a.yaml]\nnamePrefix: real-\n');
    writeFileSync(join(folder, 'a.yaml'), agent('web'));
    const how = { environment: { PATH: process.env.PATH ?? '' } };
    expect((await shell.run(['validate', '-k', folder], how)).out).toBe(
      'agent.agentctl.dev/real-web valid\n',
    );
  });
});
