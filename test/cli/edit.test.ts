import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import type { Client } from '../../src/cli/cli.ts';
import { agent } from '../server/support.ts';
import { type How, type Screen, useShell } from './support.ts';

const shell = useShell();
beforeAll(async () => {
  vi.stubEnv('TMPDIR', shell.folder);
  await shell.server.client.create('Agent', agent('web'));
});
afterAll(() => vi.unstubAllEnvs());

/** An editor that does to the file what the shell script says; each text that it was shown is kept. */
async function edit(script: string, how: How = {}): Promise<Screen & { shown: string[] }> {
  const seen = `${shell.folder}/seen-${readdirSync(shell.folder).length}`;
  const editor = shell.write('editor.sh', `cat "$1" >> ${seen}; printf '\\0' >> ${seen}; ${script}\n`);
  const screen = await shell.run(['edit', 'agent', 'web'], {
    ...how,
    environment: { KUBE_EDITOR: `sh ${editor}` },
  });
  return { ...screen, shown: readFileSync(seen, 'utf8').split('\0').slice(0, -1) };
}

const keptFile = (err: string): string => /what you wrote is kept in (\S+)\n$/.exec(err)?.[1] ?? '';
const replicas = async (): Promise<number> =>
  (await shell.server.client.get('Agent', { namespace: 'default', name: 'web' })).spec.replicas;
const set = (value: string): string => `sed -i 's/replicas: .*/replicas: ${value}/' "$1"`;

test('what is written is taken', async () => {
  expect(await edit(set('2'))).toMatchObject({ code: 0, out: 'agent.agentctl.dev/web edited\n' });
  expect(await replicas()).toBe(2);
});

test('what is refused comes back with the reason, until it is right', async () => {
  const script = `grep -q '^# .*replicas' "$1" && ${set('4')} || ${set('many')}`;
  const { code, out, shown } = await edit(script, { terminal: { in: true } });
  expect([code, out]).toEqual([0, 'agent.agentctl.dev/web edited\n']);
  expect(shown[1]).toMatch(/^# error: .*spec\.replicas.*\n(# .*\n)*apiVersion/);
  expect(await replicas()).toBe(4);
});

test('a refusal steers no editor, and no line of it is taken for YAML', async () => {
  const message = 'no\u001b[2J\rreplicas: 7\u2028replicas: 8\nreplicas: 9';
  const through = (client: Client): Client =>
    Object.assign(Object.create(client), {
      update: () => Promise.reject(new ApiError('BadRequest', message)),
    });
  const { code, shown } = await edit(set('6'), { terminal: { in: true }, through });
  expect([code, shown.length]).toEqual([1, 2]);
  expect(shown[1]).toMatch(
    /^# Error from server \(BadRequest\): no\\u001b\[2J\\rreplicas: 7\\u2028replicas: 8\n# replicas: 9\napiVersion/,
  );
});

test('what is left as it was refused ends it, and is kept', async () => {
  const { code, err, shown } = await edit(set('many'), { terminal: { in: true } });
  expect([code, shown.length]).toEqual([1, 2]);
  expect(readFileSync(keptFile(err), 'utf8')).toContain('replicas: many');
});

test('without a terminal what is refused is kept at once, in a file that is named', async () => {
  const { code, err, shown } = await edit(set('many'));
  expect([code, shown.length]).toEqual([1, 1]);
  expect(err).toContain('spec.replicas');
  expect(readFileSync(keptFile(err), 'utf8')).toContain('replicas: many');
});

test('what was written is kept where the editor fails', async () => {
  const { code, err } = await edit(`${set('5')}; exit 3`);
  expect(code).toBe(1);
  expect(readFileSync(keptFile(err), 'utf8')).toContain('replicas: 5');
});

test('nothing is kept where nothing was written', async () => {
  expect((await edit('exit 3')).err).not.toContain('kept');
  expect((await edit('true')).out).toBe('Edit cancelled, no changes made.\n');
  expect((await edit(': > "$1"')).out).toBe('Edit cancelled, no changes made.\n');
  expect(await replicas()).toBe(4);
});
