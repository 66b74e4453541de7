import { beforeAll, describe, expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import type { Agent, InstanceStatus } from '../../src/api/objects.ts';
import type { Client } from '../../src/cli/cli.ts';
import { agent } from '../server/support.ts';
import { useShell } from './support.ts';
import { makeSync } from './sync-seed.ts';

const volumes = [{ runtime: 'docker', name: 'default-kept-data' }];
const shell = useShell({ volumes: async () => volumes, purge: async () => volumes });
const key = (name: string) => ({ namespace: 'default', name });
const make = (name: string, spec: object = {}) => shell.server.client.create('Agent', agent(name, spec));
const setStatus = async (name: string, status: Agent['status']): Promise<void> => {
  const found = await shell.server.client.get('Agent', key(name));
  await shell.server.controller.update(
    'Agent',
    { ...found, status: status ?? {} },
    { subresource: 'status' },
  );
};
const ready = (status: 'True' | 'False') => [
  {
    type: 'Ready',
    status,
    observedGeneration: 1,
    lastTransitionTime: '2026-01-31T12:00:00Z',
    reason: 'Because',
    message: 'so it is',
  },
];

describe('suspend, resume, scale, rollout restart', () => {
  beforeAll(() => make('web'));
  test('write the field that the controller reads, and say so', async () => {
    const spec = async () => (await shell.server.client.get('Agent', key('web'))).spec;
    const annotations = async () => (await shell.server.client.get('Agent', key('web'))).metadata.annotations;
    expect((await shell.run(['suspend', 'web'])).out).toBe('agent.agentctl.dev/web suspended\n');
    expect(await spec()).toMatchObject({ suspend: true });
    expect((await shell.run(['suspend', 'agent/web'])).out).toBe(
      'agent.agentctl.dev/web suspended (no change)\n',
    );
    expect((await shell.run(['resume', 'web'])).out).toBe('agent.agentctl.dev/web resumed\n');
    expect(await spec()).toMatchObject({ suspend: false });
    expect(await annotations()).toEqual({ 'agentctl.dev/resume': '2026-01-31T12:00:00.000Z' });
    expect((await shell.run(['scale', 'agent', 'web', '--replicas=3'])).out).toBe(
      'agent.agentctl.dev/web scaled\n',
    );
    expect(await spec()).toMatchObject({ replicas: 3 });
    expect((await shell.run(['rollout', 'restart', 'web'])).out).toBe('agent.agentctl.dev/web restarted\n');
    expect(await annotations()).toMatchObject({ 'agentctl.dev/restartedAt': '2026-01-31T12:00:00.000Z' });
  });
  test('scale and suspend say what they cannot do, and write nothing', async () => {
    await makeSync(shell.server, 'fleet');
    const { metadata } = await shell.server.client.get('Sync', key('fleet'));
    expect(await shell.run(['scale', 'sync/fleet', '--replicas=3'])).toMatchObject({
      code: 1,
      out: '',
      err: 'error: syncs have no replicas: only agents can be scaled\n',
    });
    expect((await shell.server.client.get('Sync', key('fleet'))).metadata).toEqual(metadata);
  });
  test.each([
    [
      'suspend',
      'sync',
      'sync is a kind: add a name, such as sync/NAME; for an agent with that name, use agent/sync',
    ],
    ['resume', 'runtimes', 'specify runtimes: names, -l with labels, or --all'],
    ['resume', 'agent', 'agent is a kind: add a name, such as agent/NAME\n'],
    ['approve', 'sync', 'sync is a kind: add a name, such as sync/NAME'],
  ])('%s %s alone says that a name is missing', async (verb, kind, text) => {
    const { code, err } = await shell.run([verb, kind]);
    expect(code).toBe(64);
    expect(err).toContain(text);
  });
  test.each([
    ['suspend --all', 'specify a kind, as in: agentctl suspend agents --all'],
    ['suspend --all hello', 'specify a kind, as in: agentctl suspend agents --all'],
    ['resume -l team=a', 'specify a kind, as in: agentctl resume agents -l team=a'],
    ['scale --all --replicas=2', 'specify a kind, as in: agentctl scale --replicas=2 agents --all'],
    ['rollout restart --all', 'specify a kind, as in: agentctl rollout restart agents --all'],
    ['suspend', 'specify an agent, as in: agentctl suspend web'],
  ])('%s says what is missing', async (line, text) => {
    const { code, err } = await shell.run(line.split(' '));
    expect(code).toBe(64);
    expect(err).toBe(`error: ${text}\n`);
  });
  test('label, annotate and patch', async () => {
    expect((await shell.run(['label', 'agent', 'web', 'team=a'])).out).toBe(
      'agent.agentctl.dev/web labeled\n',
    );
    expect((await shell.run(['label', 'agent/web', 'team=b'])).err).toContain('--overwrite');
    expect((await shell.run(['label', 'agent/web', 'team=b', '--overwrite'])).code).toBe(0);
    expect((await shell.run(['label', 'agent/web', 'team-'])).out).toBe('agent.agentctl.dev/web unlabeled\n');
    expect(await shell.run(['label', 'agent/web', 'team-'])).toMatchObject({
      code: 0,
      out: 'agent.agentctl.dev/web has no label team\n',
    });
    expect((await shell.run(['annotate', 'agent/web', 'a-', 'b-'])).out).toBe(
      'agent.agentctl.dev/web has no annotation a, b\n',
    );
    expect((await shell.run(['patch', 'agent', 'web', '-p', '{"spec":{"minReady":"7s"}}'])).out).toBe(
      'agent.agentctl.dev/web patched\n',
    );
    expect((await shell.run(['patch', 'agent', 'web', '-p', 'minReady'])).code).toBe(64);
  });
});

describe('rollout undo', () => {
  test('writes back what a revision records, and leaves how many and when as they are', async () => {
    const { client } = shell.server;
    const made = await make('back', { replicas: 2, policyRef: { name: 'slow' }, minReady: '9s' });
    const ownerReferences = [
      { apiVersion: 'agentctl.dev/v1', kind: 'Agent', name: 'back', uid: made.metadata.uid },
    ];
    for (const [revision, word] of ['one', 'two'].entries()) {
      await shell.server.controller.create('Revision', {
        apiVersion: 'agentctl.dev/v1',
        kind: 'Revision',
        metadata: { ...key(`back-${revision + 1}`), ownerReferences },
        revision: revision + 1,
        data: { protocol: 'none', template: { command: ['echo', word] } },
      });
    }
    await setStatus('back', { updateRevision: 'back-2' });
    expect((await shell.run(['rollout', 'undo', 'back'])).out).toBe(
      'agent.agentctl.dev/back rolled back to revision 1\n',
    );
    const { spec } = await client.get('Agent', key('back'));
    expect(spec).toMatchObject({
      replicas: 2,
      policyRef: { name: 'slow' },
      template: { command: ['echo', 'one'] },
    });
    expect(spec.minReady).toBe('1s'); // the default: the revision did not have it
    expect((await shell.run(['rollout', 'undo', 'back', '--to-revision=7'])).err).toContain(
      'no revision 7; it has 1, 2',
    );
  });
});

describe('while somebody else writes', () => {
  const meanwhile =
    (write: () => Promise<unknown>) =>
    (client: Client): Client => {
      let left = 3;
      return Object.assign(Object.create(client), {
        async patch(...asked: Parameters<Client['patch']>) {
          if (left > 0) await write();
          left -= 1;
          return client.patch(...asked);
        },
      });
    };
  beforeAll(async () => {
    const made = await make('moved', { template: { command: ['echo', 'two'] } });
    const owner = { apiVersion: 'agentctl.dev/v1', kind: 'Agent', name: 'moved', uid: made.metadata.uid };
    await shell.server.controller.create('Revision', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Revision',
      metadata: { ...key('moved-1'), ownerReferences: [owner] },
      revision: 1,
      data: { template: { command: ['echo', 'one'] } },
    });
  });

  test('rollout undo is not hindered by a status that changes', async () => {
    let restartCount = 0;
    const through = meanwhile(() => setStatus('moved', { restartCount: ++restartCount }));
    expect(await shell.run(['rollout', 'undo', 'moved'], { through })).toMatchObject({ code: 0 });
    const { spec, status } = await shell.server.client.get('Agent', key('moved'));
    expect(spec.template.command).toEqual(['echo', 'one']);
    expect(status).toEqual({ restartCount });
  });

  test('rollout undo is a conflict where what it writes was changed', async () => {
    const { client } = shell.server;
    const body = (word: string) => ({ spec: { template: { command: ['echo', word] } } });
    await client.patch('Agent', key('moved'), { type: 'merge', body: body('four') });
    const through = meanwhile(() =>
      client.patch('Agent', key('moved'), { type: 'merge', body: body('three') }),
    );
    const { code, err } = await shell.run(['rollout', 'undo', 'moved'], { through });
    expect(code).toBe(1);
    expect(err).toContain(
      '(Conflict): agent.agentctl.dev/moved: somebody else changed spec.template.command',
    );
    expect((await client.get('Agent', key('moved'))).spec.template.command).toEqual(['echo', 'three']);
  });

  test('delete --force is not hindered by a status that changes', async () => {
    await make('held');
    const body = { metadata: { finalizers: ['agentctl.dev/instances'] } };
    await shell.server.client.patch('Agent', key('held'), { type: 'merge', body });
    const through = meanwhile(() => setStatus('held', { restartCount: Math.floor(performance.now()) }));
    expect(await shell.run(['delete', 'agent', 'held', '--force'], { through })).toMatchObject({ code: 0 });
  });
});

describe('delete', () => {
  test('says what is gone, waits for what has work left, and tells the volumes that it keeps', async () => {
    const made = await make('kept');
    await shell.server.client.patch('Agent', key('kept'), {
      type: 'merge',
      body: { metadata: { finalizers: ['agentctl.dev/instances'] } },
    });
    const deleting = shell.run(['delete', 'agent', 'kept']);
    for (;;) {
      const now = await shell.server.client.get('Agent', key('kept'));
      if (now.metadata.deletionTimestamp !== undefined) break;
    }
    await shell.server.client.patch('Agent', key('kept'), {
      type: 'merge',
      body: { metadata: { finalizers: null } },
    });
    const { out, err, code } = await deleting;
    expect(made.metadata.name).toBe('kept');
    expect([out, code]).toEqual(['agent.agentctl.dev "kept" deleted\n', 0]);
    expect(err).toContain(
      "kept: volume default-kept-data (runtime docker). 'agentctl delete agent kept --purge' deletes it.\n",
    );
    expect(await shell.run(['delete', 'agent', 'kept', '--purge'])).toMatchObject({
      code: 0,
      err: 'agent.agentctl.dev/kept: volume default-kept-data deleted\n',
    });
    expect(await shell.run(['delete', 'agent', 'kept'])).toMatchObject({ code: 1 });
  });
  test('says who uses a Policy, a Secret and a Runtime, unless they go with it', async () => {
    const file = shell.write(
      'used.yaml',
      `apiVersion: v1
kind: Secret
metadata: { name: used }
stringData: { k: v }
---
apiVersion: agentctl.dev/v1
kind: Policy
metadata: { name: used }
spec: {}
---
apiVersion: agentctl.dev/v1
kind: Runtime
metadata: { name: used }
spec: { driver: process }
---
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: user }
spec:
  policyRef: { name: used }
  runtimeRef: { name: used }
  template: { command: [run], envFrom: [{ secretRef: { name: used } }] }
---
apiVersion: agentctl.dev/v1
kind: Sync
metadata: { name: user }
spec: { source: { git: { url: "https://git.example/r.git", secretRef: { name: used } } } }
`,
    );
    await shell.run(['apply', '-f', file]);
    for (const [kind, users] of [
      ['policy', 'agent/user'],
      ['secret', 'agent/user, sync/user'],
      ['runtime', 'agent/user'],
    ] as const) {
      const { err, code } = await shell.run(['delete', kind, 'used']);
      expect([code, err]).toEqual([0, expect.stringMatching(new RegExp(`/used is used by ${users}: `))]);
    }
    await shell.run(['apply', '-f', file]);
    expect((await shell.run(['delete', '-f', file])).err).not.toContain('is used by');
  });
  test('what uses a deleted object is listed to a bound; that it cannot be listed is told', async () => {
    const use = (name: string): string =>
      `{ apiVersion: agentctl.dev/v1, kind: Agent, metadata: { name: ${name} }, spec: { policyRef: { name: liked }, template: { command: [run] } } }\n---\n`;
    const policy = '{ apiVersion: agentctl.dev/v1, kind: Policy, metadata: { name: liked } }\n';
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((newMessage) => `likes-${newMessage}`);
    const file = shell.write('liked.yaml', names.map(use).join('') + policy);
    const failing =
      (reason: 'Forbidden' | 'InternalError') =>
      (client: Client): Client => ({
        ...client,
        list: () => Promise.reject(new ApiError(reason, 'it is broken')),
      });
    const remove = ['delete', 'policy', 'liked'];
    await shell.run(['apply', '-f', file]);
    expect((await shell.run([...remove, '--dry-run=server'])).err).toContain(
      'is used by agent/likes-a, agent/likes-b, agent/likes-c, agent/likes-d, agent/likes-e, … and 2 more: ',
    );
    expect((await shell.run([...remove, '--dry-run=server'], { through: failing('Forbidden') })).err).toBe(
      '',
    );
    expect(await shell.run(remove, { through: failing('InternalError') })).toMatchObject({
      out: 'policy.agentctl.dev "liked" deleted\n',
      err: 'Warning: cannot find out what uses policy.agentctl.dev/liked: it is broken\n',
      code: 0,
    });
    await shell.run(['delete', 'agents', ...names]);
  });

  test('--force lets go of an agent and tells what may be left', async () => {
    const made = await make('dead');
    await shell.server.client.patch('Agent', key('dead'), {
      type: 'merge',
      body: { metadata: { finalizers: ['agentctl.dev/instances'] } },
    });
    const instance = await shell.server.controller.create('Instance', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Instance',
      metadata: { ...key('dead-0'), finalizers: ['agentctl.dev/run'] },
      spec: { agentName: 'dead', agentUID: made.metadata.uid, ordinal: 0, runtimeRef: { name: 'gone' } },
    });
    const status: InstanceStatus = {
      run: { number: 1, revision: 'dead-1', claimedAt: '2026-01-31T12:00:00Z', ref: 'c0ffee' },
    };
    await shell.server.controller.update('Instance', { ...instance, status }, { subresource: 'status' });
    const { err, code } = await shell.run(['delete', 'agent', 'dead', '--force']);
    expect(code).toBe(0);
    expect(err).toContain('dead-0 may still be running on runtime gone as c0ffee');
    expect(err).toContain('Warning: agent.agentctl.dev/dead was deleted without waiting for its Runtime\n');
    expect(await shell.run(['get', 'agent', 'dead'])).toMatchObject({ code: 1 });
  });
  test('--force does not warn about what no Runtime held', async () => {
    await shell.run(['create', 'configmap', 'loose', '--from-literal=a=b']);
    expect((await shell.run(['delete', 'configmap', 'loose', '--force'])).err).toBe('');
  });
  test('of what is not there fails, unless --ignore-not-found', async () => {
    expect(await shell.run(['delete', 'agent', 'nobody'])).toMatchObject({ code: 1 });
    expect(await shell.run(['delete', 'agent', 'nobody', '--ignore-not-found'])).toMatchObject({
      code: 0,
      out: '',
    });
  });
});

describe('wait', () => {
  test('ends with 0 when the condition is met, also later', async () => {
    await make('soon');
    const waiting = shell.run(['wait', 'agent/soon', '--for=condition=Ready']);
    await setStatus('soon', { observedGeneration: 1, conditions: ready('True') });
    expect(await waiting).toMatchObject({ code: 0, out: 'agent.agentctl.dev/soon condition met\n' });
  });
  test('ends with 1 when the time is over, and says how it stands', async () => {
    await make('late');
    await setStatus('late', { observedGeneration: 1, conditions: ready('False') });
    const waiting = shell.run(['wait', 'agent/late', '--for=condition=Ready', '--timeout=5s']);
    while (shell.server.clock.waiting < 2) await new Promise((resolve) => setImmediate(resolve));
    await advanceUntil(waiting);
    const { code, err } = await waiting;
    expect([code, err]).toEqual([
      1,
      'error: timed out waiting for agent.agentctl.dev/late: Ready is False: Because: so it is\n',
    ]);
  });
  test.each([
    [
      'failed',
      {},
      { phase: 'Failed', reason: 'RestartsExhausted', message: 'five times in 10m' },
      'Failed: RestartsExhausted: five times in 10m',
    ],
    ['finished', {}, { phase: 'Completed', reason: 'ExitZero' }, 'Completed: ExitZero'],
    ['asleep', { suspend: true }, {}, 'agentctl resume asleep'],
    ['none', { replicas: 0 }, {}, 'it has no replicas'],
  ])('ends with 2 as soon as it can no longer be met: %s', async (name, spec, status, why) => {
    await make(name, spec);
    await setStatus(name, { observedGeneration: 1, conditions: ready('False'), ...status });
    const waiting = shell.run(['wait', name, '--for=condition=Ready', '--timeout=1h']);
    await advanceUntil(waiting);
    const { code, err } = await waiting;
    expect(code).toBe(2);
    expect(err).toContain(why);
  });
  test('ends with 2 when the object is deleted, or was never there', async () => {
    await make('gone');
    const waiting = shell.run(['wait', 'agent/gone', '--for=condition=Ready']);
    await shell.server.client.delete('Agent', key('gone'));
    await advanceUntil(waiting);
    expect(await waiting).toMatchObject({ code: 2 });
    expect(await shell.run(['wait', 'agent/gone', '--for=condition=Ready'])).toMatchObject({ code: 2 });
    expect(await shell.run(['wait', 'agent/gone', '--for=delete'])).toMatchObject({ code: 0 });
  });
  test('goes on where what made it hopeless is mended at once', async () => {
    await make('mended');
    await setStatus('mended', { observedGeneration: 1, phase: 'Failed', conditions: ready('False') });
    const waiting = shell.run(['wait', 'mended', '--for=condition=Ready', '--timeout=1h']);
    while (shell.server.clock.waiting < 3) await new Promise((resolve) => setImmediate(resolve));
    await setStatus('mended', { observedGeneration: 1, phase: 'Ready', conditions: ready('True') });
    expect(await waiting).toMatchObject({ code: 0 });
  });
  test('takes a field for the condition', async () => {
    await make('field');
    await setStatus('field', { phase: 'Ready' });
    expect(await shell.run(['wait', 'agent/field', "--for=jsonpath='{.status.phase}'=Ready"])).toMatchObject({
      code: 0,
    });
  });
});

/** Moves the clock on until the promise has settled: the alarm may be set a little later. */
async function advanceUntil(promise: Promise<unknown>): Promise<void> {
  let settled = false;
  void promise.finally(() => {
    settled = true;
  });
  while (!settled) {
    shell.server.clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a watch', () => {
  test('prints what is there, then a line for each change, until it is interrupted', async () => {
    await make('watched');
    const interruption = new AbortController();
    let seen = '';
    const watching = shell.run(['get', 'agent', 'watched', '-w'], {
      signal: interruption.signal,
      onOut(text) {
        seen = text;
        if (text.includes('Starting')) interruption.abort();
      },
    });
    while (!seen.includes('watched')) await new Promise((resolve) => setImmediate(resolve));
    await setStatus('watched', { phase: 'Starting' });
    const { out, code } = await watching;
    expect(code).toBe(130);
    expect(out.split('\n').map((line) => line.split(/ +/)[0])).toEqual(['NAME', 'watched', 'watched', '']);
  });

  test.each(['get agents -w', 'get agents -w -o yaml', 'events -w'])(
    'ends after --request-timeout, as %s does',
    async (line) => {
      const { code } = await shell.run([...line.split(' '), '--request-timeout=50ms']);
      expect(code).toBe(0);
    },
  );
});
