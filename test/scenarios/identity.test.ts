import { execFile, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Agent, Instance, Revision } from '../../src/api/objects.ts';
import { lacks } from '../needs.ts';
import { ready } from './questions.ts';
import { eventually, type Result, Session } from './support.ts';

const stranger = 54_321;
const isRoot = process.getuid?.() === 0;
const manifest = (name: string, word: string): string => `apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name}, labels: { set: fleet } }
spec: { template: { command: [sh, -c, "echo ${word}; exec sleep 600"] } }
`;

describe('who somebody is', () => {
  const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  beforeAll(async () => {
    await session.ok('controller start --listen 127.0.0.1:0');
    await session.apply(manifest('web', 'one'));
    await ready(session, 'web');
    await session.apply(manifest('web', 'two'));
    await ready(session, 'web', 2);
    await session.ok('create secret generic key --from-literal=a=zq-5e21');
    // Whatever the server, kubectl calls a refused discovery "unknown": it is to have that in its cache.
    await kubectl('admin', 'get', 'agents,secrets');
  });
  afterAll(() => session.end());

  const kubectl = (role: string, ...words: string[]): Promise<Result> =>
    new Promise((resolve) => {
      const { PATH } = process.env;
      const KUBECONFIG = join(session.state, 'server', `${role}.kubeconfig`);
      execFile(
        'kubectl',
        words,
        { env: { PATH, KUBECONFIG, HOME: session.folder } },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : 1, stdout, stderr }),
      );
    });
  const revisions = () => session.json<{ items: Revision[] }>('get revisions');

  describe.skipIf(lacks('kubectl'))('by kubectl', () => {
    test.each([
      ['get secret key -o yaml'],
      ['auth can-i delete agents'],
      ['create configmap asview --from-literal=a=b'],
      ['delete agent web'],
      ['get --raw /apis'],
    ])('--as=view %s is refused, for the admin may impersonate nobody', async (line) => {
      const { code, stdout, stderr } = await kubectl('admin', '--as=view', ...line.split(' '));
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain(
        'users "view" is forbidden: User "admin" cannot impersonate resource "users" in API group "" at the cluster scope',
      );
      expect((await session.run(['get', 'configmap', 'asview'])).code).toBe(1);
      expect((await session.run(['get', 'agent', 'web'])).code).toBe(0);
    });

    test('a set is applied and pruned, an instance deleted as a Pod is, and a Revision by nobody', async () => {
      const allow = '{"spec":{"allow":{"controllerUser":true}}}'; // its agents are the token's
      await session.run(['patch', 'runtime', 'process', '-p', allow]);
      const file = session.file('set.yaml', manifest('gone', 'x'));
      await kubectl('edit', 'apply', '-f', file);
      const rest = session.file('rest.yaml', manifest('stays', 'x'));
      const applied = await kubectl(
        'edit',
        ...['apply', '--prune', '-l', 'set=fleet', '--prune-allowlist=agentctl.dev/v1/Agent', '-f', rest],
      );
      expect(applied).toMatchObject({ code: 0, stdout: expect.stringContaining('gone pruned') });

      await ready(session, 'stays');
      const { uid } = (await session.json<Instance>('get instance stays-0')).metadata;
      expect(await kubectl('edit', 'delete', 'instance', 'stays-0')).toMatchObject({ code: 0 });
      await eventually(
        () => session.run(['get', 'instance', 'stays-0', '-o', 'jsonpath={.metadata.uid}']),
        ({ code, stdout }) => code === 0 && stdout !== uid,
      );
      const { items } = await revisions();
      const name = items[0]?.metadata.name ?? '';
      for (const words of [
        ['delete', 'revision', name],
        ['patch', 'revision', name, '--type=merge', '-p', '{"data":{"template":{"command":["id"]}}}'],
      ])
        expect((await kubectl('admin', ...words)).stderr).toContain('only the controller can do that');
    });
  });

  test('over the socket too only the controller writes Revisions, and undo reads what it wrote', async () => {
    await session.apply(manifest('web', 'two'));
    const before = await eventually(revisions, ({ items }) => items.length >= 2);
    for (const words of [
      ['delete', 'revisions', '--all'],
      ['patch', 'revision', before.items[0]?.metadata.name ?? '', '-p', '{"revision":99}'],
      ['patch', 'instance', 'web-0', '-p', '{"spec":{"agentName":"other"}}'],
    ]) {
      const { code, stderr } = await session.run(words);
      expect([code, stderr]).toEqual([1, expect.stringContaining('only the controller can do that')]);
    }
    expect((await revisions()).items).toHaveLength(before.items.length);
    await session.ok('rollout undo agent/web');
    const { spec } = await session.json<Agent>('get agent web');
    expect(spec.template.command).toContain('echo one; exec sleep 600');
  });

  test('the deletion of an Agent takes its Instances and Revisions with it', async () => {
    await session.apply(manifest('whole', 'x'));
    await ready(session, 'whole');
    await session.ok('delete agent whole');
    const left = await eventually(
      revisions,
      ({ items }) => !items.some(({ metadata }) => metadata.name.startsWith('whole-')),
    );
    expect(left.items.length).toBeGreaterThan(0);
    expect((await session.run(['get', 'instance', 'whole-0'])).code).toBe(1);
  });

  test.skipIf(!isRoot)('root asks nothing of a socket that another user owns', async () => {
    const socket = join(session.state, 'agentctl.sock');
    chownSync(socket, stranger, stranger);
    try {
      for (const words of [
        ['get', 'agents'],
        ['apply', '-f', '-'],
        ['controller', 'status'],
        ['controller', 'start'],
      ]) {
        const { code, stderr } = await session.run(words, manifest('leaked', 'x'));
        expect([words, code, stderr]).toEqual([words, 1, expect.stringContaining('belongs to user 54321')]);
      }
    } finally {
      chownSync(socket, 0, 0);
    }
    expect((await session.run(['get', 'agent', 'leaked'])).code).toBe(1);
  });
});

describe('a state folder that is too deep for a socket', () => {
  const short = new Session();
  const deep = join(short.folder, 'd'.repeat(120));
  const session = new Session({
    DOCKER_HOST: 'unix:///nowhere',
    AGENTCTL_STATE_DIR: deep,
    TMPDIR: short.folder,
  });
  const shared = join(short.folder, `agentctl-${process.getuid?.()}`);
  afterAll(async () => {
    await session.end();
    await short.end();
  });

  test.skipIf(!isRoot)(
    'has no controller where somebody else has made the folder for its socket',
    async () => {
      mkdirSync(shared, { mode: 0o777 });
      chownSync(shared, stranger, stranger);
      const { code, stderr } = await session.run(['controller', 'start']);
      expect([code, stderr]).toEqual([1, expect.stringContaining('belongs to user 54321')]);
      chownSync(shared, 0, 0);
    },
  );

  test('has its socket in a folder that is this user’s alone', async () => {
    if (isRoot) spawnSync('rmdir', [shared]);
    await session.ok('controller start');
    expect(statSync(shared).mode & 0o777).toBe(0o700);
    expect(await session.ok('get runtimes -o name')).toContain('process');
  });
});
