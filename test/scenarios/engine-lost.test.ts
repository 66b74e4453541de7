import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { InstanceStatus } from '../../src/api/objects.ts';
import { type OwnEngine, startOwnDocker } from '../engines/own.ts';
import { lacks } from '../needs.ts';
import { becomes, inspect, ready, reasonsOf, statusOf } from './questions.ts';
import { agent, dockerStage, forever, stages } from './runtimes.ts';
import { eventually, type Session } from './support.ts';

const [processes] = await stages();

const skipped = lacks('dockerd');

describe.skipIf(skipped)('an engine that goes and comes back', () => {
  let engine: OwnEngine;
  let session: Session;
  let before: InstanceStatus;
  let beside: InstanceStatus | undefined;
  beforeAll(async () => {
    engine = await startOwnDocker();
    const stage = dockerStage(engine);
    session = await stage.open();
    await session.apply(agent(stage, { name: 'inside', run: forever }));
    if (processes !== undefined) await session.apply(agent(processes, { name: 'beside', run: forever }));
    before = await ready(session, 'inside');
    beside = await ready(session, 'beside');
  });
  afterAll(async () => {
    await session.end();
    await engine.remove();
  });

  /** No failure, no backoff, and the agent on `process` runs on as if nothing had been. */
  const unharmed = async (status: InstanceStatus): Promise<void> => {
    expect(status.failures ?? 0).toBe(0);
    expect(await reasonsOf(session, 'inside')).not.toContain('BackOff');
    expect(await statusOf(session, 'beside')).toEqual(beside);
  };

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'dockerd that ends by %s: Unknown with what to do, then Ready, and nothing counts as a failure',
    { timeout: 120_000 },
    async (signal) => {
      const was = await ready(session, 'inside', before.run?.number);
      await engine.stop(signal);
      const meanwhile = await becomes(session, 'inside', { phase: 'Unknown', reason: 'RuntimeOffline' });
      expect(meanwhile.message).toMatch(/start|check/i);
      expect(meanwhile.message).toContain(engine.endpoint.replace('unix://', ''));
      expect(meanwhile.run).toEqual(was.run);
      await eventually(
        () => session.ok('get runtimes'),
        (table) => /^docker +docker +False/m.test(table),
      );
      expect(await session.ok('describe agent inside')).toContain('RuntimeOffline');
      await unharmed(meanwhile);

      await engine.start();
      const after = await eventually(
        () => statusOf(session, 'inside'),
        (status) => status?.phase === 'Ready',
      );
      await unharmed(after ?? {});
      const restarted = after?.run?.startedAt !== was.run?.startedAt;
      expect(after?.run?.ref).toBe(was.run?.ref);
      expect(after?.run?.number).toBe((was.run?.number ?? 0) + (restarted ? 1 : 0));
      expect(after?.restartCount ?? 0).toBe((was.restartCount ?? 0) + (restarted ? 1 : 0));
      expect(await inspect(engine, after?.run?.ref ?? '')).toMatchObject({
        State: { Running: true, StartedAt: after?.run?.startedAt },
      });
      before = after ?? {};
    },
  );

  test('agents on processes start, stop and restart while the engine is away', async () => {
    await engine.stop('SIGTERM');
    await becomes(session, 'inside', { phase: 'Unknown' });
    if (processes === undefined) return;
    await session.apply(agent(processes, { name: 'new', run: forever }));
    await ready(session, 'new');
    await session.ok('delete agent new --timeout=60s');
    await engine.start();
    await eventually(
      () => statusOf(session, 'inside'),
      (status) => status?.phase === 'Ready',
    );
  });
});

describe.skipIf(skipped)('an engine whose containers outlive it', () => {
  let engine: OwnEngine;
  let session: Session;
  beforeAll(async () => {
    engine = await startOwnDocker({ flags: '--live-restore' });
    const stage = dockerStage(engine);
    session = await stage.open();
    await session.apply(agent(stage, { name: 'inside', run: forever }));
  });
  afterAll(async () => {
    await session.end();
    await engine.remove();
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    '%s: the same run goes on, and none is started',
    async (signal) => {
      const before = await ready(session, 'inside');
      await engine.stop(signal);
      await becomes(session, 'inside', { phase: 'Unknown', reason: 'RuntimeOffline' });
      await engine.start();
      const after = await ready(session, 'inside');
      expect(after).toMatchObject({ run: before.run, restartCount: 0, readySince: before.readySince });
      expect(after.failures ?? 0).toBe(0);
    },
  );
});

describe.skipIf(skipped)('a Runtime that is gone for good', () => {
  let engine: OwnEngine;
  let session: Session;
  beforeAll(async () => {
    engine = await startOwnDocker();
    const stage = dockerStage(engine);
    session = await stage.open();
    await session.apply(agent(stage, { name: 'lost', run: forever }));
    await ready(session, 'lost');
    await engine.stop('SIGKILL');
    await becomes(session, 'lost', { phase: 'Unknown' });
  });
  afterAll(async () => {
    await session.end();
    await engine.remove();
  });

  test('delete waits, and says for what and how to end it', async () => {
    const { code, stderr, stdout } = await session.run(['delete', 'agent', 'lost', '--timeout=2s']);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain('agentctl delete agent lost --force');
    const story = await session.ok('describe agent lost');
    expect(story).toMatch(/RuntimeOffline/);
    expect(story).toContain('agentctl delete agent lost --force');
  });

  test('delete --force ends it, and tells what may be left', async () => {
    const { code, stderr, stdout } = await session.run([
      'delete',
      'agent',
      'lost',
      '--force',
      '--timeout=60s',
    ]);
    expect([code, stderr + stdout]).toEqual([
      0,
      expect.stringMatching(/lost-0 may still be running on runtime docker as \w+/),
    ]);
    expect((await session.json<{ items: unknown[] }>('get agents,instances')).items).toEqual([]);
  });
});
