import { describe, expect, test } from 'vitest';
import type { ContainerInspect } from '../../../src/drivers/docker/docker-observe.ts';
import { createLifetime, exitCause } from '../../../src/drivers/docker/engine-facts.ts';

const at = (seconds: number): string => new Date(1_700_000_000_000 + seconds * 1000).toISOString();
const instant = (seconds: number): number => Date.parse(at(seconds));

const state = (started: number, finished: number, code = 0, oom = false): ContainerInspect['State'] => ({
  Status: 'exited',
  Running: false,
  Paused: false,
  OOMKilled: oom,
  ExitCode: code,
  Error: '',
  StartedAt: at(started),
  FinishedAt: at(finished),
});

describe('who ended it', () => {
  // The engine was last seen at 100 s, and the one that answers now began at 200 s.
  const [seen, engine] = [instant(100), instant(200)];
  test.each([
    ['began under this engine', state(210, 220, 143), engine, seen, 'Agent'],
    ['ended while the engine was down', state(50, 150), engine, seen, 'Runtime'],
    ['ended as the engine went down', state(50, 99.5), engine, seen, 'Runtime'],
    ['ended while the engine was seen', state(50, 90, 143), engine, seen, 'Agent'],
    ['was ended by the engine as it came up', state(50, 202), engine, seen, 'Runtime'],
    ['outlived the restart of the engine', state(50, 300), engine, seen, 'Agent'],
    ['nobody watched, SIGTERM', state(50, 90, 143), engine, undefined, 'Runtime'],
    ['nobody watched, SIGKILL', state(50, 90, 137), engine, undefined, 'Runtime'],
    ['nobody watched, out of memory', state(50, 90, 137, true), engine, undefined, 'Agent'],
    ['nobody watched, a code of its own', state(50, 90, 1), engine, undefined, 'Agent'],
    ['nothing tells when the engine began', state(50, 90, 143), undefined, seen, 'Agent'],
  ] as const)('%s', (_, container, engineStart, aliveUntil, cause) => {
    expect(exitCause(container, engineStart, aliveUntil)).toBe(cause);
  });
});

describe('the lifetime of an engine', () => {
  const inspect = (id: string, of: ContainerInspect['State']): ContainerInspect => ({
    Id: id,
    Name: id,
    Image: '',
    State: of,
    Config: { Labels: {}, Env: [], WorkingDir: '' },
    HostConfig: { NetworkMode: 'bridge' },
    Mounts: [],
    NetworkSettings: { IPAddress: '', Ports: {}, Networks: {} },
  });

  test('judges an exit once: a later restart of the engine changes nothing', async () => {
    let [now, engineStart] = [instant(100), instant(10)];
    const lifetime = createLifetime(
      () => now,
      async () => engineStart,
    );
    lifetime.accepted();
    const own = inspect('a', state(50, 99, 143));
    expect(await lifetime.judge(own)).toBe('Agent');
    lifetime.lost();
    [now, engineStart] = [instant(210), instant(200)];
    lifetime.accepted();
    expect(await lifetime.judge(own)).toBe('Agent');
    expect(await lifetime.judge(inspect('b', state(50, 150)))).toBe('Runtime');
  });

  test('judges nothing while the engine refuses connections', async () => {
    const refusal = new Error('refused');
    const lifetime = createLifetime(
      () => instant(100),
      () => Promise.reject(refusal),
    );
    await expect(lifetime.judge(inspect('a', state(50, 99, 143)))).rejects.toBe(refusal);
  });
});
