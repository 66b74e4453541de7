import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { templates } from '../../src/cli/init/templates.ts';
import { useShell } from './support.ts';

const shell = useShell();
const root = join(import.meta.dirname, '../..');

describe('init', () => {
  test.each(templates.map(({ name }) => name))('%s writes a manifest that is valid', async (name) => {
    const file = join(shell.folder, `my-${name}.yaml`);
    const { out, code } = await shell.run(['init', name, file]);
    expect([out, code]).toEqual([expect.stringContaining(`agentctl apply -f ${file}`), 0]);
    expect(readFileSync(file, 'utf8')).toBe(readFileSync(join(root, 'manifests', `${name}.yaml`), 'utf8'));
    expect(await shell.run(['validate', '-f', file])).toMatchObject({ code: 0 });
    expect(await shell.run(['init', name, file])).toMatchObject({ code: 1 });
  });
  test('prints a template instead with --stdout', async () => {
    expect((await shell.run(['init', 'jsonl', '--stdout'])).out).toContain('protocol: jsonl');
  });
  test.each([
    [['cluade'], 'did you mean "claude"?'],
    [['agents.yaml', 'x.yaml'], 'unknown template "agents.yaml"'],
  ])('%j is no template', async (words, why) => {
    const { err, code } = await shell.run(['init', ...words]);
    expect(err).toContain(why);
    expect(code).toBe(64);
  });
  test.skipIf(!existsSync(join(root, 'dist/agentctl.mjs')))('the bundle has all templates inside', () => {
    for (const { name } of templates) {
      const printed = execFileSync(process.execPath, [
        join(root, 'dist/agentctl.mjs'),
        'init',
        name,
        '--stdout',
      ]);
      expect(printed.toString()).toBe(readFileSync(join(root, 'manifests', `${name}.yaml`), 'utf8'));
    }
  });
});
