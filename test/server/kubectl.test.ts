import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kubeconfigPath } from '../../src/server/remote.ts';
import { ScriptedTalk } from '../fakes/talk.ts';
import { lacks } from '../needs.ts';
import { type Running, run, until } from './support.ts';

const missing = lacks('kubectl');

/** Each that is installed: kubectl, kubectl.1.27, ... */
function versions(): string[] {
  if (missing) return [];
  const which = spawnSync('which', ['kubectl'], { encoding: 'utf8' }).stdout.trim();
  const folder = dirname(realpathSync(which));
  const names = readdirSync(folder).filter((name) => /^kubectl(\.1\.\d+)?$/.test(name));
  return names.map((name) => join(folder, name));
}

const manifest = `apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: web, labels: { app: web } }
spec:
  template: { command: [sleep, "60"], env: [{ name: A, value: "1" }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { a: "1" }
---
apiVersion: v1
kind: Secret
metadata: { name: key }
data: { token: aHVudGVyMg== }
`;

describe.skipIf(missing)('kubectl', () => {
  let api: Running;
  let file: string;
  const script = new ScriptedTalk();
  beforeAll(async () => {
    api = await run({ listen: '127.0.0.1:0', talk: script });
    file = join(api.folder, 'manifest.yaml');
    writeFileSync(file, manifest);
  });
  afterAll(() => api.end());

  const environment = (role: string) => ({
    PATH: process.env.PATH,
    HOME: api.folder, // its cache of discovery
    KUBECONFIG: kubeconfigPath(api.folder, role),
    KUBE_EDITOR: 'sed -i s/front/back/',
  });

  function kubectl(...words: string[]): Promise<string> {
    return as('admin', ...words);
  }

  const as = (role: string, ...words: string[]): Promise<string> => by('kubectl', role, ...words);

  function by(program: string, role: string, ...words: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      execFile(program, words, { env: environment(role) }, (error, out, err) => {
        if (error === null) resolve(out + err);
        else reject(new Error(`kubectl ${words.join(' ')}: ${err}`));
      });
    });
  }

  test('applies, and applies again without a change', async () => {
    expect(await kubectl('apply', '-f', file)).toBe(
      'agent.agentctl.dev/web created\nconfigmap/settings created\nsecret/key created\n',
    );
    expect(await kubectl('apply', '-f', file)).toBe(
      'agent.agentctl.dev/web unchanged\nconfigmap/settings unchanged\nsecret/key unchanged\n',
    );
  });

  test('applies a change of each kind', async () => {
    const changed = join(api.folder, 'changed.yaml');
    writeFileSync(
      changed,
      manifest.replace('"60"', '"61"').replace('a: "1"', 'b: "2"').replace('aHVudGVyMg==', 'eA=='),
    );
    const diff = await kubectl('diff', '-f', changed).catch((error: Error) => error.message);
    expect(diff).not.toContain('Error');
    expect(await kubectl('apply', '-f', changed)).toBe(
      'agent.agentctl.dev/web configured\nconfigmap/settings configured\nsecret/key configured\n',
    );
    expect(await kubectl('get', 'cm', 'settings', '-o', 'jsonpath={.data}')).toBe('{"b":"2"}');
  });

  test('applies on the server, and is told of a conflict', async () => {
    await expect(kubectl('apply', '--server-side', '--field-manager=other', '-f', file)).rejects.toThrow(
      /conflict/,
    );
    expect(
      await kubectl('apply', '--server-side', '--field-manager=other', '--force-conflicts', '-f', file),
    ).toBe(
      'agent.agentctl.dev/web serverside-applied\nconfigmap/settings serverside-applied\nsecret/key serverside-applied\n',
    );
  });

  test('refuses a misspelt field', async () => {
    const bad = join(api.folder, 'bad.yaml');
    writeFileSync(bad, manifest.replace('template:', 'replcas: 2\n  template:'));
    await expect(kubectl('apply', '-f', bad)).rejects.toThrow(
      /unknown field "spec\.replcas".*did you mean.*replicas/,
    );
  });

  test('gets', async () => {
    expect(await kubectl('get', 'ag')).toBe(
      'NAME   READY   PHASE   REASON   RESTARTS   QUEUE   AGE\nweb    0/1                      0                  0s\n',
    );
    expect(await kubectl('get', 'agents', '-A', '-l', 'app=web', '-o', 'name')).toBe(
      'agent.agentctl.dev/web\n',
    );
    expect(await kubectl('get', 'agent', 'web', '-o', 'yaml')).toContain('kind: Agent\n');
    expect(await kubectl('get', 'agent,cm,secret', '-o', 'wide')).toMatch(/IMAGE[\s\S]*DATA[\s\S]*Opaque/);
    await expect(kubectl('get', 'agent', 'nobody')).rejects.toThrow(
      'Error from server (NotFound): agents.agentctl.dev "nobody" not found',
    );
  });

  test('describes', async () => {
    const { uid } = (await api.client.get('Agent', { namespace: 'default', name: 'web' })).metadata;
    await api.controller.create('Event', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'web.1', namespace: 'default' },
      involvedObject: {
        apiVersion: 'agentctl.dev/v1',
        kind: 'Agent',
        name: 'web',
        namespace: 'default',
        uid,
      },
      type: 'Normal',
      reason: 'Started',
      message: 'it runs',
      firstTimestamp: '2026-01-31T12:00:00Z',
      lastTimestamp: '2026-01-31T12:00:00Z',
      count: 1,
    });
    expect(await kubectl('describe', 'agent', 'web')).toMatch(
      /Name: +web\n[\s\S]*Events:\n[\s\S]*Normal +Started[\s\S]*it runs\n/,
    );
    expect(await kubectl('events', '--for', 'agent/web')).toContain('Agent/web');
    expect(await kubectl('get', 'events')).toContain('agent/web');
    const secret = await kubectl('describe', 'secret', 'key');
    expect(secret).toMatch(/token: +7 bytes/);
    expect(secret).not.toContain('aHVudGVyMg');
    expect(await kubectl('describe', 'ns', 'default')).toMatch(/Status: +Active/);
  });

  test('explains', async () => {
    expect(await kubectl('explain', 'agent.spec.template.env')).toMatch(/KIND: +Agent[\s\S]*valueFrom/);
    expect(await kubectl('explain', 'secrets')).toMatch(/KIND: +Secret/);
    expect(await kubectl('explain', 'policy', '--recursive')).toContain('scheduledRestart');
  });

  test('lists what is served', async () => {
    const shown = await kubectl('api-resources', '--no-headers');
    expect(
      shown
        .trim()
        .split('\n')
        .map((line) => line.split(/ +/)[0]),
    ).toEqual([
      'configmaps',
      'events',
      'namespaces',
      'secrets',
      'agents',
      'instances',
      'policies',
      'revisions',
      'runtimes',
      'syncs',
      'approvals',
      'conversations',
      'messages',
    ]);
    expect(await kubectl('api-versions')).toBe('agentctl.dev/v1\nsubresources.agentctl.dev/v1\nv1\n');
    expect(await kubectl('version')).toContain('agentctl-0.1.0');
  });

  test('patches, labels, annotates, edits, scales', async () => {
    await kubectl('patch', 'agent', 'web', '--type=merge', '-p', '{"spec":{"suspend":true}}');
    await kubectl('patch', 'agent', 'web', '--type=json', '-p', '[{"op":"remove","path":"/spec/suspend"}]');
    await kubectl('label', 'agent', 'web', 'tier=front');
    await kubectl('label', 'secret', 'key', 'tier=front');
    await kubectl('annotate', 'cm', 'settings', 'note=x');
    expect(await kubectl('edit', 'agent/web')).toContain('agent.agentctl.dev/web edited');
    expect(await kubectl('edit', 'secret/key')).toContain('secret/key edited');
    expect(await kubectl('scale', 'agent', 'web', '--replicas=3')).toContain('scaled');
    const object = JSON.parse(await kubectl('get', 'agent', 'web', '-o', 'json'));
    expect(object).toMatchObject({
      metadata: { labels: { tier: 'back' } },
      spec: { replicas: 3, suspend: false },
    });
  });

  test('creates what it knows to create', async () => {
    await kubectl('create', 'namespace', 'team');
    await kubectl('create', 'secret', 'generic', 'made', '-n', 'team', '--from-literal=a=b');
    await kubectl('create', 'configmap', 'made', '-n', 'team', '--from-literal=a=b');
    expect(await kubectl('get', 'secret', 'made', '-n', 'team', '-o', 'jsonpath={.data.a}{.type}')).toBe(
      'Yg==Opaque',
    );
    expect(await kubectl('delete', 'namespace', 'team')).toContain('deleted');
    await expect(kubectl('get', 'cm', 'made', '-n', 'team')).rejects.toThrow('NotFound');
  });

  test('watches', async () => {
    let child: ChildProcess | undefined;
    let out = '';
    try {
      child = spawn('kubectl', ['get', 'cm', '-w', '--no-headers'], { env: environment('admin') });
      child.stdout?.on('data', (chunk) => {
        out += chunk;
      });
      await until(() => out.includes('settings'));
      await api.client.create('ConfigMap', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'late' },
      });
      await until(() => out.includes('late'));
    } finally {
      child?.kill();
    }
  });

  test('waits for a condition', async () => {
    const waiting = kubectl('wait', 'agent/web', '--for=condition=Ready', '--timeout=20s');
    await api.controller.patch(
      'Agent',
      { namespace: 'default', name: 'web' },
      {
        type: 'merge',
        body: {
          status: {
            conditions: [
              {
                type: 'Ready',
                status: 'True',
                reason: 'AllReady',
                message: '',
                lastTransitionTime: '2026-01-31T12:00:00Z',
              },
            ],
          },
        },
      },
      { subresource: 'status' },
    );
    expect(await waiting).toContain('condition met');
  });

  test('reads messages, and is told that it cannot write them', async () => {
    for (let n = 0; n < 600; n++) script.message(`m-${n}`); // more than one page of kubectl's
    script.message('m-7', { status: { state: 'Failed', reason: 'Interrupted', attempts: 3 } });
    expect(await kubectl('get', 'msg', 'm-7')).toMatch(
      /^NAME +AGENT +FROM +STATE +REASON .*\nm-7 +web +user:ann +Failed +Interrupted +3 /,
    );
    const listed = (await kubectl('get', 'messages', '-A', '-o', 'name')).trim().split('\n');
    expect(new Set(listed).size).toBe(600);
    expect(listed[0]).toBe('message.subresources.agentctl.dev/m-599');
    expect(await kubectl('get', 'messages', '--field-selector', 'status.state=Failed', '-o', 'name')).toBe(
      'message.subresources.agentctl.dev/m-7\n',
    );
    expect(await kubectl('describe', 'message', 'm-7')).toMatch(/Spec:[\s\S]*Text: +hi/);
    expect(await kubectl('explain', 'approvals.status')).toMatch(/KIND: +Approval/);
    await expect(kubectl('delete', 'message', 'm-7')).rejects.toThrow(
      /agentctl messages retry and agentctl messages cancel/,
    );
    expect(await as('view', 'get', 'approvals')).toBe('No resources found in default namespace.\n');
  });

  test('watches conversations', async () => {
    let out = '';
    script.conversation('first');
    const words = ['get', 'conversations', '-w', '--no-headers'];
    const child = spawn('kubectl', words, { env: environment('view') });
    try {
      child.stdout.on('data', (chunk) => {
        out += chunk;
      });
      await until(() => out.includes('first'));
      script.conversation('late');
      await until(() => out.includes('late'));
      script.conversation('first', { state: 'Closed' });
      await until(() => /first +web +Closed/.test(out));
    } finally {
      child.kill();
    }
  });

  test('is told what its token may do', async () => {
    expect(await as('view', 'auth', 'can-i', 'list', 'agents')).toBe('yes\n');
    await expect(as('view', 'auth', 'can-i', 'get', 'secrets')).rejects.toThrow();
    await expect(as('view', 'get', 'secrets')).rejects.toThrow(/Forbidden/);
    expect(await as('edit', 'auth', 'can-i', 'create', 'agents')).toBe('yes\n');
    expect(await kubectl('auth', 'can-i', '*', '*')).toBe('yes\n');
    expect(await kubectl('auth', 'can-i', 'delete', 'instances')).toBe('yes\n');
    for (const words of [
      ['create', 'revisions'],
      ['delete', 'revisions'],
      ['patch', 'instances'],
      ['create', 'events'],
      ['update', 'agents', '--subresource=status'],
    ])
      await expect(kubectl('auth', 'can-i', ...words), words.join(' ')).rejects.toThrow();
  });

  test('writes and deletes no Revision, and makes no Instance', async () => {
    await api.controller.create('Revision', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Revision',
      metadata: { name: 'web-1', namespace: 'default' },
      revision: 1,
      data: { template: { command: ['sleep', '60'] } },
    });
    const forged = join(api.folder, 'forged.yaml');
    writeFileSync(
      forged,
      'apiVersion: agentctl.dev/v1\nkind: Revision\nmetadata: { name: web-1 }\nrevision: 1\ndata: { template: { command: [id] } }\n',
    );
    for (const words of [
      ['apply', '--server-side', '--force-conflicts', '-f', forged],
      ['apply', '-f', forged],
      ['replace', '-f', forged],
      ['delete', 'revision', 'web-1'],
      ['delete', 'revisions', '--all'],
    ])
      await expect(kubectl(...words), words.join(' ')).rejects.toThrow('only the controller can do that');
    const kept = await api.client.get('Revision', { namespace: 'default', name: 'web-1' });
    expect(kept.data).toEqual({ template: { command: ['sleep', '60'] } });
    await api.controller.delete('Revision', { namespace: 'default', name: 'web-1' });
  });

  test.each(versions().map((path) => [basename(path), path]))(
    '%s may act as nobody else, and nothing is done or told',
    async (_, program) => {
      const refused =
        /users "view" is forbidden: User "admin" cannot impersonate resource "users" in API group "" at the cluster scope/;
      for (const words of [
        ['get', 'secret', 'key'],
        ['auth', 'can-i', 'delete', 'agents'],
        ['create', 'configmap', 'asview', '--from-literal=a=b'],
        ['get', 'messages'],
        ['get', '--raw', '/healthz'],
      ])
        await expect(by(program, 'admin', '--as=view', ...words), words.join(' ')).rejects.toThrow(refused);
      await expect(by(program, 'admin', '--as=view', '--as-group=staff', 'get', 'agents')).rejects.toThrow(
        refused,
      );
      expect(await api.client.list('ConfigMap', { namespace: 'default' })).not.toMatchObject({
        items: expect.arrayContaining([expect.objectContaining({ metadata: { name: 'asview' } })]),
      });
    },
    60_000,
  );

  test('deletes', async () => {
    expect(await kubectl('delete', '-f', file)).toBe(
      'agent.agentctl.dev "web" deleted\nconfigmap "settings" deleted\nsecret "key" deleted\n',
    );
    expect(await kubectl('get', 'all')).toBe('No resources found in default namespace.\n');
  });
});
