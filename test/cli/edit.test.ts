import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
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

const keptFile = (err: string): string => /your changes are saved in (\S+)\n$/.exec(err)?.[1] ?? '';
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
      patch: () => Promise.reject(new ApiError('BadRequest', message)),
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

describe('while somebody else writes', () => {
  /** Somebody else's write comes between the read and the write of this verb, so often. */
  const meanwhile =
    (times: number, write: () => Promise<unknown>) =>
    (client: Client): Client =>
      Object.assign(Object.create(client), {
        async patch(...asked: Parameters<Client['patch']>) {
          if (times > 0) await write();
          times -= 1;
          return client.patch(...asked);
        },
      });
  const body = (spec: object) => ({ type: 'merge' as const, body: { spec } });
  const web = { namespace: 'default', name: 'web' };
  const live = () => shell.server.client.get('Agent', web);
  let moves = 0;
  const moveStatus = async () =>
    shell.server.controller.update(
      'Agent',
      { ...(await live()), status: { restartCount: ++moves } },
      { subresource: 'status' },
    );

  test('a status that changes all the time is no hindrance', async () => {
    await moveStatus();
    const script = `${set('6')}`;
    expect(await edit(script, { through: meanwhile(5, moveStatus) })).toMatchObject({
      code: 0,
      out: 'agent.agentctl.dev/web edited\n',
    });
    expect(await live()).toMatchObject({ spec: { replicas: 6 }, status: { restartCount: moves } });
  });

  test('another field that was changed stays', async () => {
    const write = () => shell.server.client.patch('Agent', web, body({ minReady: '7s' }));
    expect(await edit(set('7'), { through: meanwhile(1, write) })).toMatchObject({ code: 0 });
    expect((await live()).spec).toMatchObject({ replicas: 7, minReady: '7s' });
  });

  test('the same field that was changed is a conflict that names it', async () => {
    const write = () => shell.server.client.patch('Agent', web, body({ replicas: 3 }));
    const { code, err } = await edit(set('8'), { through: meanwhile(1, write) });
    expect(code).toBe(1);
    expect(err).toContain(
      '(Conflict): agent.agentctl.dev/web: somebody else changed spec.replicas in the meantime',
    );
    expect(readFileSync(keptFile(err), 'utf8')).toContain('replicas: 8');
    expect(await replicas()).toBe(3);
  });

  test('the same field that was changed to the same value is no conflict', async () => {
    const write = () => shell.server.client.patch('Agent', web, body({ replicas: 9 }));
    expect(await edit(set('9'), { through: meanwhile(1, write) })).toMatchObject({ code: 0 });
  });

  test('an object that was made anew is another one', async () => {
    const write = async () => {
      await shell.server.client.delete('Agent', web);
      await shell.server.client.create('Agent', agent('web'));
    };
    const { code, err } = await edit(set('2'), { through: meanwhile(1, write) });
    expect(code).toBe(1);
    expect(err).toContain('was deleted and created again in the meantime');
  });

  test('nothing that was changed is sent where the text alone differs', async () => {
    const { metadata } = await live();
    expect((await edit(`printf 'extra: 1\n' > /dev/null; printf '\n\n' >> "$1"`)).out).toBe(
      'Edit cancelled, no changes made.\n',
    );
    expect((await live()).metadata.resourceVersion).toBe(metadata.resourceVersion);
  });
});
