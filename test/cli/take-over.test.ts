import { beforeEach, expect, test } from 'vitest';
import { authorOf } from '../../src/api/annotations.ts';
import type { Client } from '../../src/cli/cli.ts';
import { agent } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell();
const web = { namespace: 'default', name: 'web' };
const live = () => shell.server.client.get('Agent', web);
const takeOver = (...flags: string[]) => ['annotate', 'agent', 'web', 'agentctl.dev/author-', ...flags];

beforeEach(async () => {
  await shell.server.client.delete('Agent', web).catch(() => {});
  await shell.server.controller.create('Agent', agent('web'), { author: 'token:edit' });
});

/** Comes between the read and the write of the verb, once. */
const meanwhile =
  (write: () => Promise<unknown>) =>
  (client: Client): Client => {
    let done = false;
    return Object.assign(Object.create(client), {
      async patch(...asked: Parameters<Client['patch']>) {
        if (!done) await write();
        done = true;
        return client.patch(...asked);
      },
    });
  };
const edited = () =>
  shell.server.controller.patch(
    'Agent',
    web,
    { type: 'merge', body: { spec: { template: { command: ['evil'] } } } },
    { author: 'token:edit' },
  );

test('a take-over takes what was read, and not what its author wrote since', async () => {
  const { code, err } = await shell.run(takeOver(), { through: meanwhile(edited) });
  expect(code).toBe(1);
  expect(err).toContain('agent.agentctl.dev/web was changed in the meantime; review it and try again');
  expect(authorOf(await live())).toBe('token:edit');
});

test('a take-over is not hindered by a status that changes', async () => {
  const moved = async () =>
    shell.server.controller.update(
      'Agent',
      { ...(await live()), status: { restartCount: 1 } },
      { subresource: 'status' },
    );
  expect(await shell.run(takeOver(), { through: meanwhile(moved) })).toMatchObject({ code: 0 });
  expect(authorOf(await live())).toBeUndefined();
});

test('a take-over can be pinned to the version that somebody has looked at', async () => {
  const { resourceVersion } = (await live()).metadata;
  await edited();
  const { code, err } = await shell.run(takeOver(`--resource-version=${resourceVersion}`));
  expect([code, err]).toEqual([1, expect.stringContaining('(Conflict)')]);
  const { metadata } = await live();
  expect(await shell.run(takeOver(`--resource-version=${metadata.resourceVersion}`))).toMatchObject({
    code: 0,
  });
});

test.each([
  ['removes the annotation of the author alone', '/author:/d'],
  ['removes all annotations', '/annotations:/,/author:/d'],
])('an edit that %s warns', async (_, script) => {
  const editor = shell.write('editor.sh', `sed -i '${script}' "$1"\n`);
  shell.server.warnings.length = 0;
  expect(
    await shell.run(['edit', 'agent', 'web'], { environment: { KUBE_EDITOR: `sh ${editor}` } }),
  ).toMatchObject({
    code: 0,
  });
  expect(shell.server.warnings).toEqual([
    'agentctl.dev/author is removed: you are now the author of what "token:edit" wrote',
  ]);
  expect(authorOf(await live())).toBeUndefined();
});
