import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createBody } from '../../../src/drivers/docker/container-body.ts';
import { execute } from '../../../src/drivers/docker/docker-exec.ts';
import type { ContainerInspect } from '../../../src/drivers/docker/docker-observe.ts';
import { createEngine, type Engine } from '../../../src/drivers/docker/engine.ts';
import { connect } from '../../../src/drivers/docker/engine-connection.ts';
import { DriverError } from '../../../src/drivers/driver.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { runSpec } from '../../contracts/spec.ts';
import { type TestEngine, withEngine } from '../../engines/engine.ts';
import { buildTestImage, testImage } from '../../engines/image.ts';
import { countProcesses } from '../../engines/processes.ts';

for (const name of ['docker', 'podman'] as const) {
  await withEngine(name, (engine) => {
    for (const local of [true, false]) suite(name, engine, local);
  });
}

function suite(name: string, testEngine: TestEngine, local: boolean): void {
  const place = local ? 'on this host' : 'elsewhere';
  describe(`a command in a container of ${name} ${place}`, { timeout: 60_000 }, () => {
    let engine: Engine;
    let container: ContainerInspect;
    let made = 0;
    /** An argument of `sleep` by which a process is found. */
    const mark = (): string => `${2_000_000 + process.pid}${local ? 1 : 2}${made++}`;

    beforeAll(async () => {
      await buildTestImage(testEngine);
      engine = createEngine(connect(testEngine.endpoint), testEngine.endpoint, { lost() {}, accepted() {} });
      const facts = { podman: name === 'podman', init: false };
      const spec = { ...runSpec('s', 'a-0'), image: testImage, command: ['sleep', '600'] };
      const network = { mode: 'None' as const, ports: [] };
      const { id } = await engine.calls.createContainer(createBody({ ...spec, network }, [], facts));
      await engine.calls.getContainer(id).start();
      container = await engine.calls.getContainer(id).inspect();
    }, 120_000);

    afterAll(async () => {
      await engine.calls.getContainer(container.Id).remove({ force: true });
      engine.close();
    });

    const run = (script: string, options: { timeout?: number; signal?: AbortSignal } = {}) =>
      execute(
        { engine, clock: systemClock, local, podman: async () => name === 'podman' },
        container,
        ['sh', '-c', script],
        { timeout: 40_000, ...options },
      );
    const refusal = async (attempt: Promise<unknown>): Promise<DriverError> => {
      const error: unknown = await attempt.catch((cause: unknown) => cause);
      if (!(error instanceof DriverError)) throw new Error(`not refused: ${String(error)}`);
      return error;
    };
    const gone = (marker: string): Promise<void> =>
      vi.waitFor(() => expect(countProcesses(marker)).toBe(0), { timeout: 40_000, interval: 20 });

    test('that takes too long is killed with all that it started', async () => {
      const marker = mark();
      const script = `sleep ${marker} & setsid sleep ${marker} & sleep ${marker}; true`;
      const error = await refusal(run(script, { timeout: 1_000 }));
      expect(error).toMatchObject({ code: 'ExecTimeout', message: expect.stringContaining('was killed') });
      await gone(marker);
    });

    test('that is cut short is killed, and says nothing of its end', async () => {
      const marker = mark();
      const cut = new AbortController();
      const refused = refusal(run(`sleep ${marker}; true`, { signal: cut.signal }));
      await vi.waitFor(() => expect(countProcesses(marker)).toBe(1), { timeout: 40_000, interval: 20 });
      cut.abort();
      expect(await refused).toMatchObject({ code: 'ExecAborted' });
      await gone(marker);
    });

    test('that is cut short before it has begun does not run later', async () => {
      const marker = mark();
      const refused = await refusal(run(`sleep ${marker}; true`, { signal: AbortSignal.abort() }));
      expect(refused).toMatchObject({ code: 'ExecAborted' });
      await gone(marker);
    });

    test.runIf(local)('that has ended leaves nothing that it started', async () => {
      const marker = mark();
      expect(await run(`(setsid sleep ${marker} >/dev/null 2>&1 &); exit 3`)).toMatchObject({ code: 3 });
      await gone(marker);
    });

    test('that has ended is not held up, beyond its timeout, by a child with its output', async () => {
      const marker = mark();
      expect(await run(`sleep ${marker} & echo done`, { timeout: 5_000 })).toEqual({
        code: 0,
        output: 'done\n',
      });
    });

    test('that closes its output has not ended yet', async () => {
      expect(await run('exec >/dev/null 2>&1; sleep 0.3; exit 4')).toMatchObject({ code: 4 });
    });
  });
}

test('the timeout of a command counts from its begin, however late the engine begins it', async () => {
  const answers = [
    { Pid: 0, Running: false, ExitCode: null },
    { Pid: 0, Running: false, ExitCode: null },
    { Pid: 4_194_304, Running: true, ExitCode: null }, // no such process: it has ended, and the engine does not say so yet
    { Pid: 4_194_304, Running: false, ExitCode: 5 },
  ];
  const inspect = async () => (answers.length > 1 ? answers.shift() : answers[0]);
  const exec = { id: 'e1', inspect, start: async () => new PassThrough() };
  const client = { getContainer: () => ({ exec: async () => exec }), getExec: () => exec };
  // Of the engine and the container nothing else is used.
  const engine = { calls: client, streams: client } as unknown as Engine;
  const container = { Id: 'c1', State: {} } as unknown as ContainerInspect;
  const parts = { engine, clock: systemClock, local: true, podman: async () => false };
  expect(await execute(parts, container, ['check'], { timeout: 1 })).toEqual({ code: 5, output: '' });
});
