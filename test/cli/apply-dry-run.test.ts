import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { useShell } from './support.ts';

const shell = useShell();

describe('a client dry run of what is applied', () => {
  const folder = join(import.meta.dirname, '../../manifests');
  const files = globSync('**/*.{yaml,json}', { cwd: folder });
  test.each(files)('says unchanged: %s', async (name) => {
    const file = join(folder, name);
    expect((await shell.run(['apply', '-f', file])).err).toBe('');
    const { out } = await shell.run(['apply', '-f', file, '--dry-run=client']);
    expect(out.trim().split('\n')).not.toContainEqual(expect.not.stringMatching(/ unchanged \(dry run\)$/));
  });

  test('says unchanged of references with a default, and of a Secret in plain text', async () => {
    const file = shell.write(
      'refs.yaml',
      `apiVersion: v1
kind: Secret
metadata: { name: refs }
stringData: { KEY: one }
---
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: refs }
spec:
  template:
    command: [run]
    env: [{ name: A, valueFrom: { secretKeyRef: { name: refs, key: KEY } } }]
    envFrom: [{ secretRef: { name: refs } }]
    volumes: [{ name: v, named: {} }]
`,
    );
    await shell.run(['apply', '-f', file]);
    const dryRun = async (): Promise<string> => (await shell.run(['apply', '-f', file, '--dry-run'])).out;
    expect(await dryRun()).toBe(
      'secret/refs unchanged (dry run)\nagent.agentctl.dev/refs unchanged (dry run)\n',
    );
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace('KEY: one', 'KEY: two').replace('key: KEY', 'key: OTHER'),
    );
    expect(await dryRun()).toBe(
      'secret/refs configured (dry run)\nagent.agentctl.dev/refs configured (dry run)\n',
    );
  });
});
