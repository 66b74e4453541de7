import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'agentctl-cache-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts the bundle and the sources; answers what they left in the temporary folder. */
function started(name: string, prepare: (home: string) => void = () => {}) {
  const home = join(folder, name);
  const temporary = join(home, 'tmp');
  mkdirSync(temporary, { recursive: true });
  prepare(home);
  const root = join(import.meta.dirname, '../..');
  for (const program of ['dist/agentctl.mjs', 'src/cli/main.ts'])
    execFileSync(process.execPath, [join(root, program), 'version'], {
      env: { HOME: home, TMPDIR: temporary, PATH: process.env.PATH },
    });
  return { temporary: readdirSync(temporary), cache: join(home, '.cache/agentctl/code') };
}

test('compiled code is kept in a folder of the user, and never in the temporary one', () => {
  const { temporary, cache } = started('own');
  expect(temporary).toEqual([]);
  expect(readdirSync(cache)).toHaveLength(1);
});

test('compiled code is not kept where others may write', () => {
  const { temporary, cache } = started('shared', (home) => {
    mkdirSync(join(home, '.cache/agentctl/code'), { recursive: true });
    chmodSync(join(home, '.cache/agentctl'), 0o777);
  });
  expect(temporary).toEqual([]);
  expect(readdirSync(cache)).toEqual([]);
});

test('compiled code is not kept behind a link', () => {
  const elsewhere = mkdtempSync(join(folder, 'elsewhere-'));
  const { temporary } = started('linked', (home) => {
    mkdirSync(join(home, '.cache/agentctl'), { recursive: true });
    symlinkSync(elsewhere, join(home, '.cache/agentctl/code'));
  });
  expect(temporary).toEqual([]);
  expect(existsSync(elsewhere) && readdirSync(elsewhere)).toEqual([]);
});
