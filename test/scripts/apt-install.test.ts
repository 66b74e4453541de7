import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const script = join(import.meta.dirname, '../../scripts/apt-install.sh');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentctl-apt-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs the script with an apt-get that notes its verbs and fails with each of these texts once. */
function install(...failures: string[]): Promise<{ code: number; verbs: string[] }> {
  for (const [at, text] of failures.entries()) writeFileSync(join(folder, `failure.${at}`), `${text}\n`);
  const stub = `#!/bin/sh
cd ${folder}
echo "$3" >>verbs
for failure in failure.*; do
  [ -f "$failure" ] || continue
  cat "$failure" >&2
  rm "$failure"
  exit 100
done
`;
  writeFileSync(join(folder, 'apt-get'), stub, { mode: 0o755 });
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
  return new Promise((resolve) => {
    execFile('sh', [script, 'some-package'], { env }, (error) => {
      const verbs = existsSync(join(folder, 'verbs')) ? readFileSync(join(folder, 'verbs'), 'utf8') : '';
      resolve({ code: error === null ? 0 : Number(error.code), verbs: verbs.trim().split('\n') });
    });
  });
}

test.each([
  'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 4711 (apt-get)',
  'E: Unable to lock directory /var/cache/apt/archives/',
  'E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?',
])('a lock that another process holds is waited for: %s', async (failure) => {
  expect(await install(failure)).toEqual({ code: 0, verbs: ['update', 'update', 'install'] });
});

test('any other failure is told at once', async () => {
  const failure = 'E: Unable to locate package some-package';
  expect(await install(failure)).toEqual({ code: 1, verbs: ['update'] });
});
