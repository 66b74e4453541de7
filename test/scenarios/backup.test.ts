import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blocksOf, readPage, root } from '../docs/page.ts';

const bin = process.env.AGENTCTL_TEST_BIN ?? join(root, 'dist/agentctl.mjs');
const folder = mkdtempSync(join(tmpdir(), 'agentctl-backup-'));

beforeAll(() => {
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/agentctl'), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
  chmodSync(join(folder, 'bin/agentctl'), 0o755);
});
afterAll(async () => {
  await sh('agentctl delete agents --all --timeout=30s; agentctl controller stop --agents');
  rmSync(folder, { recursive: true, force: true });
});

/** Runs lines as a user would, in a home of their own; fails unless all succeed. */
function sh(script: string): Promise<string> {
  const env = {
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    HOME: folder,
    DOCKER_HOST: 'unix:///nowhere',
  };
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-e', '-c', script], { cwd: folder, env });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk;
      });
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${script}\n${output}`))));
  });
}

test('the commands of the manual make a backup, and restore it with all that runs', async () => {
  const chapter = readPage('docs/operations.md').split('## Backup and restore\n')[1]?.split(/^##/m)[0] ?? '';
  const [backup = '', restore = ''] = blocksOf(chapter)
    .slice(1) // what the page's own test needs first
    .map(({ lines }) => lines.join('\n'));
  expect(backup).toContain('tar');
  expect(restore).toContain('--adopt');

  writeFileSync(
    join(folder, 'web.yaml'),
    `apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: web }
spec: { minReady: 0s, template: { command: [sh, -c, "echo kept >> note; exec sleep 600"] } }
`,
  );
  const run = `agentctl get instances -o jsonpath='{.items[*].status.run.startedAt}'`;
  const id = `agentctl controller status -o json | grep '"id"'`;
  await sh('agentctl apply -f web.yaml --wait');
  const before = [await sh(run), await sh(id)];
  await sh(backup);
  await sh('agentctl create configmap lost --from-literal=a=b');
  await sh(restore);
  expect(await sh('agentctl get configmaps')).not.toContain('lost');
  expect([await sh(run), await sh(id)]).toEqual(before);
  await sh('agentctl wait agent/web --for=condition=Ready --timeout=30s');
});
