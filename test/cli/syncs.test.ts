import { describe, expect, test } from 'vitest';
import type { Condition, Sync, SyncStatus } from '../../src/api/objects.ts';
import { useShell } from './support.ts';
import { commit, conditionText, makeSync, older } from './sync-seed.ts';

const shell = useShell();
const key = (name: string) => ({ namespace: 'default', name });
const make = (name: string, spec: object = {}, status: SyncStatus = {}) =>
  makeSync(shell.server, name, spec, status);
const read = (name: string): Promise<Sync> => shell.server.client.get('Sync', key(name));

async function setStatus(name: string, status: SyncStatus): Promise<void> {
  const { controller } = shell.server;
  await controller.update('Sync', { ...(await read(name)), status }, { subresource: 'status' });
}

/** Stands in for the controller: once the Sync is asked for a look, that is what comes of it. */
async function answer(name: string, status: SyncStatus): Promise<void> {
  for (;;) {
    const { metadata } = await read(name);
    const lastHandledRequest = metadata.annotations?.['agentctl.dev/sync-requested'];
    if (lastHandledRequest !== undefined) return setStatus(name, { ...status, lastHandledRequest });
  }
}

const ready: Condition = conditionText('Ready', 'True', 'Synced', 'It is applied.');
const applied: SyncStatus = { revision: commit, reference: 'refs/heads/main', conditions: [ready] };
const change = (name: string, what: 'Created' | 'Configured' | 'Pruned') => ({
  kind: 'Agent',
  namespace: 'default',
  name,
  change: what,
});
const changes = [
  change('a', 'Created'),
  change('b', 'Configured'),
  change('c', 'Configured'),
  change('d', 'Pruned'),
];

describe('sync', () => {
  const syncOf = async (name: string, before: SyncStatus, after: SyncStatus, spec: object = {}) => {
    await make(name, spec, before);
    const [screen] = await Promise.all([shell.run(['sync', name]), answer(name, after)]);
    return screen;
  };

  test('counts what the new revision changed', async () => {
    const after = { ...applied, changes, changedBy: commit };
    expect(await syncOf('new', { revision: older }, after)).toMatchObject({
      out: 'sync.agentctl.dev/new: main@3f1c2a90b1d2 applied: 1 created, 2 configured, 1 pruned\n',
      err: '',
      code: 0,
    });
    const { annotations } = (await read('new')).metadata;
    expect(annotations).toEqual({ 'agentctl.dev/sync-requested': '2026-01-31T12:00:00.000Z' });
  });
  test('says that it is up to date where nothing has changed since', async () => {
    const status = { ...applied, changes, changedBy: commit };
    expect((await syncOf('same', status, status)).out).toBe(
      'sync.agentctl.dev/same: main@3f1c2a90b1d2 is up to date\n',
    );
  });
  test('does not count what an older revision changed', async () => {
    const status = { ...applied, changes, changedBy: older };
    expect((await syncOf('quiet', { revision: older }, status)).out).toContain('is up to date');
  });
  test('tells of objects that differ', async () => {
    const drift = [{ kind: 'Agent', name: 'a', fields: ['it is gone'] }];
    expect((await syncOf('drifted', applied, { ...applied, drift })).out).toContain(
      'is up to date, but 1 object differs from it: agentctl describe sync drifted',
    );
  });
  test('tells of objects that were set back', async () => {
    const drift = [
      { kind: 'Agent', name: 'a' },
      { kind: 'Agent', name: 'b' },
    ];
    expect((await syncOf('healed', { ...applied, drift }, { ...applied, drift: [] })).out).toContain(
      'is up to date, 2 objects were set back\n',
    );
  });
  test('fails with what Ready says, whole and without control characters', async () => {
    const conditions = [
      conditionText('Ready', 'False', 'InvalidManifests', 'a.yaml:3:5: wrong\nand \u001b[2Jb'),
    ];
    expect(await syncOf('broken', applied, { ...applied, conditions })).toMatchObject({
      out: '',
      err: 'error: sync.agentctl.dev/broken: InvalidManifests: a.yaml:3:5: wrong\nand \\u001b[2Jb\n',
      code: 1,
    });
  });
  test.each([
    ['went well', commit, 0, 'main@3f1c2a90b1d2 is up to date'],
    ['failed', older, 1, 'Suspended: It is suspended.'],
  ])('of a suspended one tells that its one look %s', async (_, attempted, code, text) => {
    const conditions = [conditionText('Ready', 'False', 'Suspended', 'It is suspended.')];
    const status = { ...applied, attempted: { revision: attempted }, conditions };
    const screen = await syncOf(`asleep-${code}`, {}, status, { suspend: true });
    expect(screen.code).toBe(code);
    expect(screen.text).toContain(text);
  });
  test('waits on while the revision is being applied', async () => {
    await make('slow');
    const syncing = shell.run(['sync', 'slow'], { terminal: { err: true } });
    const progressing = conditionText('Ready', 'Unknown', 'Progressing', 'Applying main@3f1c2a90b1d2.');
    await answer('slow', { revision: older, conditions: [progressing] });
    await answer('slow', applied);
    const { out, err } = await syncing;
    expect(out).toBe('sync.agentctl.dev/slow: main@3f1c2a90b1d2 is up to date\n');
    expect(err).toContain('waiting for sync.agentctl.dev/slow: ');
  });
  test('is answered too by the look that somebody asked for later', async () => {
    await make('shared');
    let asked = false;
    const syncing = shell.run(['sync', 'shared']).finally(() => {
      asked = true;
    });
    while (!asked && (await read('shared')).metadata.annotations === undefined);
    const annotations = { 'agentctl.dev/sync-requested': 'later' };
    await shell.server.client.patch('Sync', key('shared'), {
      type: 'merge',
      body: { metadata: { annotations } },
    });
    await setStatus('shared', { ...applied, lastHandledRequest: 'later' });
    expect((await syncing).code).toBe(0);
  });
  test('only asks with --no-wait, and asks all that a selector names', async () => {
    for (const name of ['one', 'two']) {
      await make(name);
      await shell.run(['label', 'sync', name, 'team=a']);
    }
    expect((await shell.run(['sync', '-l', 'team=a', '--no-wait'])).out).toBe(
      'sync.agentctl.dev/one sync requested\nsync.agentctl.dev/two sync requested\n',
    );
    expect(await shell.run(['sync', '-l', 'team=none'])).toMatchObject({ code: 1 });
  });
  test('ends with 1 when nobody has answered in time', async () => {
    await make('alone');
    const syncing = shell.run(['sync', 'alone', '--timeout=5s']);
    await advanceUntil(syncing);
    expect(await syncing).toMatchObject({
      code: 1,
      err: 'error: timed out waiting for sync.agentctl.dev/alone: its source is being read\n',
    });
  });
  test('ends with 2 when the sync is deleted meanwhile, and still tells of the others', async () => {
    await make('dying');
    await make('living');
    const syncing = shell.run(['sync', 'dying', 'living', 'nowhere']);
    await answer('living', applied);
    await shell.server.client.delete('Sync', key('dying'));
    await advanceUntil(syncing);
    const { out, err } = await syncing;
    expect(out).toContain('sync.agentctl.dev/living: main@3f1c2a90b1d2 is up to date');
    expect(err).toContain('sync.agentctl.dev/dying: the condition can no longer be met: it was deleted');
    expect(err).toContain('"nowhere" not found');
  });
});

describe('suspend and resume', () => {
  test('of a sync write its field alone', async () => {
    await make('followed');
    expect((await shell.run(['suspend', 'sync/followed'])).out).toBe(
      'sync.agentctl.dev/followed suspended\n',
    );
    expect((await read('followed')).spec.suspend).toBe(true);
    expect((await shell.run(['resume', 'sync', 'followed'])).out).toBe(
      'sync.agentctl.dev/followed resumed\n',
    );
    const { spec, metadata } = await read('followed');
    expect([spec.suspend, metadata.annotations]).toEqual([false, undefined]);
    expect((await shell.run(['suspend', 'syncs', '--all'])).out).toContain('/followed suspended\n');
  });
});

describe('approve', () => {
  test('of a sync names the revision that may delete, and what', async () => {
    const pendingApproval = { revision: commit, deletes: 3, of: 4, objects: ['agent/a', 'agent/b'] };
    await make('held', {}, { revision: older, pendingApproval });
    expect((await shell.run(['approve', 'sync/held'])).out).toBe(
      'sync.agentctl.dev/held approved: 3f1c2a90b1d2 may delete 3 of 4 objects: agent/a, agent/b, 1 more\n',
    );
    expect((await read('held')).metadata.annotations).toEqual({ 'agentctl.dev/approved-revision': commit });
  });
  test('of a Runtime needs something that it holds back', async () => {
    const { client } = shell.server;
    const made = await client.create('Runtime', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Runtime',
      metadata: { name: 'docker' },
      spec: { driver: 'process' },
    });
    expect(await shell.run(['approve', 'runtime/docker'])).toMatchObject({
      code: 1,
      err: 'error: runtime.agentctl.dev/docker: nothing waits for approval\n',
    });
    const conditions = [conditionText('OrphansHeld', 'True', 'TooManyAtOnce', '3 containers here')];
    await shell.server.controller.update(
      'Runtime',
      { ...made, status: { conditions } },
      { subresource: 'status' },
    );
    expect(await shell.run(['approve', 'runtime/docker'])).toMatchObject({ code: 0 });
    expect((await client.get('Runtime', { name: 'docker' })).metadata.annotations).toEqual({
      'agentctl.dev/collect-orphans': 'true',
    });
  });
});

test('sync --force-conflicts says so in its request', async () => {
  await make('taking');
  await shell.run(['sync', 'taking', '--no-wait', '--force-conflicts']);
  expect((await read('taking')).metadata.annotations?.['agentctl.dev/sync-requested']).toMatch(
    /^\d{4}-.*Z force-conflicts$/,
  );
});

describe('wait --for=revision', () => {
  const wait = (name: string, sha: string) =>
    shell.run(['wait', `sync/${name}`, `--for=revision=${sha}`, '--timeout=5s']);
  const failed = (reason: string): SyncStatus => ({
    revision: older,
    reference: 'refs/heads/main',
    attempted: { revision: commit },
    conditions: [conditionText('Ready', 'False', reason, 'so it is')],
  });

  test('is met by the beginning of what is applied, in either case of letters', async () => {
    await make('there', {}, { revision: commit });
    await make('folder', {}, { revision: `sha256:${'ab'.repeat(32)}` });
    expect(await wait('there', '3F1C2A9')).toMatchObject({ code: 0, out: expect.stringContaining('met') });
    expect(await wait('folder', 'sha256:abababa')).toMatchObject({ code: 0 });
  });
  test('is met later', async () => {
    await make('later', {}, { revision: older });
    const waiting = wait('later', commit);
    await setStatus('later', applied);
    expect(await waiting).toMatchObject({ code: 0 });
  });
  test.each([
    ['InvalidManifests', 'InvalidManifests: so it is'],
    ['NotAllowed', 'NotAllowed: so it is'],
  ])('ends with 2 where only another commit mends it: %s', async (reason, why) => {
    const name = `never-${reason.toLowerCase()}`;
    await make(name, {}, failed(reason));
    const waiting = wait(name, commit);
    await advanceUntil(waiting);
    expect(await waiting).toMatchObject({ code: 2, err: expect.stringContaining(why) });
  });
  test('ends with 2 where the revision was found and cannot be read', async () => {
    const conditions = [
      conditionText('Fetched', 'False', 'NotVerified', 'no key fits'),
      conditionText('Ready', 'False', 'NotVerified', 'no key fits'),
    ];
    await make('unsigned', {}, { ...failed('NotVerified'), conditions });
    const waiting = wait('unsigned', commit);
    await advanceUntil(waiting);
    expect(await waiting).toMatchObject({ code: 2, err: expect.stringContaining('no key fits') });
  });
  test('ends with 2 where it is suspended', async () => {
    await make('stopped', { suspend: true });
    const waiting = wait('stopped', commit);
    await advanceUntil(waiting);
    expect(await waiting).toMatchObject({ code: 2, err: expect.stringContaining('resume sync/stopped') });
  });
  test.each([
    ['Unreachable', commit],
    ['ApprovalRequired', commit],
    ['InvalidManifests', '1234567'], // of another revision
  ])('waits on where time may mend it: %s of %s', async (reason, sha) => {
    const name = `pending-${reason.toLowerCase()}`;
    await make(name, {}, failed(reason));
    const waiting = wait(name, sha);
    await advanceUntil(waiting);
    expect(await waiting).toMatchObject({
      code: 1,
      err: expect.stringContaining(`main@9a8b7c6d5e4f is applied; ${reason}: so it is`),
    });
  });
  test('waits on where the spec has been changed since the verdict', async () => {
    await make('mended', {}, failed('NotAllowed'));
    await shell.run(['patch', 'sync', 'mended', '-p', '{"spec":{"allowedKinds":["Runtime"]}}']);
    const waiting = wait('mended', commit);
    await advanceUntil(waiting);
    expect(await waiting).toMatchObject({ code: 1 });
  });
});

test('wait --for=condition=Ready takes the verdict on the newest spec', async () => {
  await make('judged', {}, { observedGeneration: 1, conditions: [ready] });
  const wait = () => shell.run(['wait', 'sync/judged', '--for=condition=Ready', '--timeout=5s']);
  expect(await wait()).toMatchObject({ code: 0 });
  await shell.run(['patch', 'sync', 'judged', '-p', '{"spec":{"interval":"5m"}}']);
  const waiting = wait();
  await advanceUntil(waiting);
  expect(await waiting).toMatchObject({
    code: 1,
    err: expect.stringContaining('has not been observed yet'),
  });
});

test('delete says that what it applied stays', async () => {
  await make('ended', {}, { objects: 2 });
  expect(await shell.run(['delete', 'sync', 'ended'])).toMatchObject({
    code: 0,
    out: 'sync.agentctl.dev "ended" deleted\n',
    err: "kept: 2 objects applied by sync ended, which are no longer synced. Delete them with 'agentctl delete -f' and the same manifests.\n",
  });
  await make('single', {}, { objects: 1 });
  expect(await shell.run(['delete', 'sync', 'single'])).toMatchObject({
    err: "kept: 1 object applied by sync single, which is no longer synced. Delete it with 'agentctl delete -f' and the same manifests.\n",
  });
  await make('empty');
  expect(await shell.run(['delete', 'sync', 'empty'])).toMatchObject({ code: 0, err: '' });
});

test('words complete to syncs', async () => {
  await make('zebra');
  const complete = async (...words: string[]) => (await shell.run(['__complete', ...words])).out;
  expect(await complete('sync', '')).toContain('zebra\n');
  expect(await complete('suspend', 'sync/')).toContain('sync/zebra\n');
  expect(await complete('approve', 'sync/')).toContain('sync/zebra\n');
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
