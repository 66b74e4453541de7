import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Instance } from '../../../src/api/objects.ts';
import type { List } from '../../../src/client/resources.ts';
import { ready } from '../questions.ts';
import { eventually, Session } from '../support.ts';

let session: Session;
beforeEach(() => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
});
afterEach(() => session.end());

const fleet = (name: string, replicas: number, spec = ''): string => `
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name} }
spec:
  minReady: 0s
  replicas: ${replicas}
${spec}
  template:
    command: [sh, -c, 'echo "{\\"type\\":\\"ready\\"}"; while read line; do :; done; exec sleep 1000']
---
`;

test('two starts at once both end well, with one controller', async () => {
  for (let round = 0; round < 3; round += 1) {
    const both = await Promise.all([1, 2].map(() => session.run(['controller', 'start'])));
    expect(both.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual([0, 0]);
    await session.ok('controller stop');
  }
});

test('a socket that is removed comes back, or what is said names the way to mend it; agents run on', async () => {
  await session.ok('apply -f - --wait', fleet('any', 1));
  const before = await ready(session, 'any');
  rmSync(join(session.state, 'agentctl.sock'));
  await eventually(
    () => session.run(['controller', 'status']),
    ({ code, stderr, stdout }) => code === 0 || `${stdout}${stderr}`.includes('agentctl controller restart'),
    20_000,
  );
  const started = await session.run(['controller', 'start']);
  if (started.code !== 0) expect(started.stderr).toContain('agentctl controller restart');
  await session.ok('controller restart');
  expect((await ready(session, 'any')).run).toEqual(before.run);
});

test('a controller at its limit of descriptors leaves alone what runs', async () => {
  const { command, args, env } = session.command(['controller', 'start']);
  const limited = spawn('sh', ['-c', 'ulimit -n 128; exec "$@"', 'sh', command, ...args], { env });
  expect(await once(limited, 'exit')).toEqual([0, null]);
  await session.ok('apply -f - --wait', fleet('steady', 20));
  await session.apply(fleet('more', 60, '  protocol: jsonl'));
  const instances = async (): Promise<Instance[]> =>
    (await session.json<List<Instance>>('get instances')).items;
  await eventually(
    instances,
    (all) => all.filter(({ metadata }) => metadata.name.startsWith('more-')).length === 60,
  );
  // Many looks, while the controller starts what it can.
  for (let look = 0; look < 30; look += 1) {
    const steady = (await instances()).filter(({ metadata }) => metadata.name.startsWith('steady-'));
    expect(steady.map(({ status }) => [status?.phase, status?.run?.number])).toEqual(
      Array(20).fill(['Ready', 1]),
    );
  }
});
