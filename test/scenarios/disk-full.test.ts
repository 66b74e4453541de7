import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lacks } from '../needs.ts';
import { becomes, ready, statusOf } from './questions.ts';
import { agent, dockerStages, forever, type Stage, stages } from './runtimes.ts';
import { eventually, Session } from './support.ts';

const skipped = lacks('mount');

function mount(folder: string, size: string): void {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', folder]);
}

const unmount = (folder: string): void => void execFileSync('umount', ['-l', folder]);

/** Fills the disk to its last byte; answers how to make room again. */
function fill(folder: string): () => void {
  const path = join(folder, 'filler');
  const piece = Buffer.alloc(4096, 'x');
  try {
    for (;;) writeFileSync(path, piece, { flag: 'a' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
  return () => rmSync(path);
}

describe.skipIf(skipped)('a full disk under the state folder', () => {
  let session: Session;
  let stage: Stage | undefined;
  let pid = 0;
  let makeRoom: () => void = () => {};
  beforeAll(async () => {
    [stage] = await stages();
    session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
    mount(session.state, '16m');
    if (stage === undefined) return;
    const spec = '  policy: { backoff: { schedule: [0s] } }';
    await session.apply(agent(stage, { name: 'steady', run: forever, spec }));
    await session.apply(agent(stage, { name: 'other', run: forever, spec }));
    await ready(session, 'steady');
    await ready(session, 'other');
    pid = await session.controllerPid();
  });
  afterAll(async () => {
    await session.run(['delete', 'agents', '--all', '--timeout=90s']);
    await session.run(['controller', 'stop', '--agents']);
    unmount(session.state);
    rmSync(session.folder, { recursive: true, force: true });
  });

  const big = (name: string): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name },
      data: { text: 'x'.repeat(200_000) },
    });

  test('a write is refused with what is wrong and what to do; reads go on', async () => {
    await session.apply(big('before'));
    makeRoom = fill(session.state);
    let refused = '';
    for (let n = 0; n < 100 && refused === ''; n += 1) {
      const { code, stderr } = await session.run(['apply', '-f', '-'], big(`big-${n}`));
      if (code !== 0) refused = stderr;
    }
    expect(refused).toMatch(/disk .*is full/);
    expect(refused).toMatch(/free/i);
    expect(await session.ok('get configmap before -o name')).toContain('before');
    expect(await statusOf(session, 'other')).toMatchObject({ phase: 'Ready', restartCount: 0 });
  });

  test('the controller lives, and agents run on', async () => {
    const { run, restartCount } = (await statusOf(session, 'other')) ?? {};
    const one = Number((await statusOf(session, 'steady'))?.run?.startedAt?.split(':')[1]);
    process.kill(one, 'SIGKILL');
    for (let n = 0; n < 20; n += 1) await session.run(['apply', '-f', '-'], big(`more-${n}`));
    expect(await session.controllerPid()).toBe(pid);
    expect(await statusOf(session, 'other')).toMatchObject({ run, restartCount });
  });

  test('with room again it goes on by itself, and has lost nothing', async () => {
    makeRoom();
    const after = await ready(session, 'steady', 2, 60_000);
    expect(after).toMatchObject({ restartCount: 1 });
    expect(await session.controllerPid()).toBe(pid);
    await session.apply(big('after'));
    const names = await session.ok('get configmaps -o name');
    for (const name of ['before', 'after']) expect(names).toContain(name);
    await session.ok('controller restart');
    expect(await ready(session, 'steady', 2)).toMatchObject({ run: after.run, restartCount: 1 });
  });
});

describe.skipIf(skipped)('an agent that fills the disk of the state folder', () => {
  const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  const greedy = (name: string, run: string): string => `apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name} }
spec: { minReady: 0s, template: { command: [sh, -c, '${run}'] } }
`;
  const room = (): number => {
    const { bavail, bsize } = statfsSync(session.state);
    return bavail * bsize;
  };
  beforeAll(async () => {
    mount(session.state, '64m');
    await session.apply(greedy('calm', 'exec sleep 600'));
    await ready(session, 'calm');
    const fills = 'while :; do cat /dev/zero >> filler 2> /dev/null; sleep 0.01; done';
    await session.apply(greedy('greedy', fills));
    await eventually(room, (left) => left < 4096);
  });
  afterAll(async () => {
    await session.run(['delete', 'agents', '--all', '--timeout=30s']);
    await session.run(['controller', 'stop', '--agents']);
    unmount(session.state);
    rmSync(session.folder, { recursive: true, force: true });
  });

  test('can be told apart from the others, which can be suspended and scaled meanwhile', async () => {
    const { code, stderr } = await session.run(['create', 'configmap', 'new', '--from-literal=a=b']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/disk .*is full/)]);
    await session.ok('suspend calm');
    await becomes(session, 'calm', { phase: 'Stopped' });
    await session.ok('scale agent calm --replicas=0');
    const told = await eventually(
      () => session.ok('describe runtime process'),
      (text) => text.includes('DiskFull'),
      90_000,
    );
    expect(told).toContain('Free some space');
    expect(room()).toBeLessThan(4096);
  });

  test('is deleted while the disk is full, which makes room again', async () => {
    expect(room()).toBeLessThan(4096);
    expect(await session.ok('delete agent greedy --timeout=30s')).toContain('deleted');
    await eventually(room, (left) => left > 16 * 1024 * 1024);
    await session.ok('create configmap new --from-literal=a=b');
  });
});

for (const stage of skipped ? [] : await dockerStages()) {
  describe('a full disk under the files of containers', () => {
    let session: Session;
    let memory = '';
    beforeAll(async () => {
      const runtime = new Session().folder;
      memory = join(runtime, 'memory');
      mount(memory, '1m');
      session = await stage.open({ XDG_RUNTIME_DIR: memory });
    });
    afterAll(async () => {
      await session.end();
      unmount(memory);
      rmSync(join(memory, '..'), { recursive: true, force: true });
    });

    test('the start fails with DiskFull and what to do, and succeeds once there is room', async () => {
      await session.ok('create secret generic big --from-literal=key=value');
      const makeRoom = fill(memory);
      const spec = '  policy: { backoff: { schedule: [1s] } }';
      const template = `    volumes: [{ name: big, secret: { secretName: big } }]
    volumeMounts: [{ name: big, mountPath: /big }]`;
      await session.apply(
        agent(stage, { name: 'filed', run: `test -f /big/key || exit 1; ${forever}`, spec, template }),
      );
      const status = await becomes(session, 'filed', { phase: 'BackOff' });
      expect(status.lastOutcome).toMatchObject({
        reason: 'DiskFull',
        message: expect.stringContaining(memory),
      });
      expect(await session.ok('describe agent filed')).toMatch(/is full\. .*: free some space there/);
      makeRoom();
      expect(await becomes(session, 'filed', { phase: 'Ready' })).toBeDefined();
    });
  });
}
