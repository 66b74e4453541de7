import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Instance } from '../../src/api/objects.ts';
import { ready } from './questions.ts';
import { Session } from './support.ts';

interface Status {
  store: { id: string; copyOf?: string };
}

const manifest = `apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: web }
spec: { minReady: 0s, template: { command: [sleep, "600"] } }
`;

const pidOf = async (session: Session): Promise<number> => {
  const { items } = await session.json<{ items: Instance[] }>('get instances');
  return Number(items[0]?.status?.run?.startedAt?.split(':')[1]);
};

/** Signal 0 throws where there is no such process. */
const lives = (pid: number): boolean => process.kill(pid, 0);

describe('a controller on a copy of a state folder', () => {
  const original = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  const copy = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  let pid = 0;
  beforeAll(async () => {
    await original.apply(manifest);
    await ready(original, 'web');
    pid = await pidOf(original);
    // As a backup is tried: the original goes on meanwhile.
    execFileSync('cp', ['-a', `${original.state}/.`, copy.state]);
  });
  afterAll(async () => {
    await copy.end();
    await original.end();
  });

  test("is not taken for the original's, which runs on: nothing on the copy stops it", async () => {
    const before = await original.controllerPid();
    expect((await copy.run(['controller', 'status'])).code).toBe(3);
    expect((await copy.run(['controller', 'stop'])).code).toBe(0);
    expect(await original.controllerPid()).toBe(before);
  });

  test('has an identity of its own, says so, and runs its agents itself', async () => {
    const { code, stderr } = await copy.run(['controller', 'start']);
    expect(code).toBe(0);
    const before = (await original.json<Status>('controller status')).store;
    const { store } = await copy.json<Status>('controller status');
    expect(store.id).not.toBe(before.id);
    expect(store.copyOf).toBe(before.id);
    expect(stderr).toContain(`this state folder is a copy of the store ${before.id}`);
    await ready(copy, 'web');
    const own = await pidOf(copy);
    expect(own).not.toBe(pid);
    expect(lives(own)).toBe(true);
    expect(readdirSync(copy.state)).toContain(`instances.of-${before.id.slice(0, 8)}`);
  });

  test('touches nothing of the original, whatever is done with it', async () => {
    await copy.ok('rollout restart web');
    await copy.ok('rollout status web --timeout=30s');
    await copy.ok('delete agents --all');
    await copy.ok('controller stop --agents');
    expect(lives(pid)).toBe(true);
    expect(await pidOf(original)).toBe(pid);
    const { items } = await original.json<{ items: Instance[] }>('get instances');
    expect(items.map(({ status }) => [status?.phase, status?.run?.number])).toEqual([['Ready', 1]]);
  });
});
