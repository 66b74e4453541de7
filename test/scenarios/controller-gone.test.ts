import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Instance } from '../../src/api/objects.ts';
import type { List } from '../../src/client/resources.ts';
import { containerOf, inspect, ready } from './questions.ts';
import { agent, dockerStages, forever } from './runtimes.ts';
import { eventually, type Session } from './support.ts';

const names = Array.from({ length: 10 }, (_, n) => `a${n}`);

for (const stage of await dockerStages()) {
  describe('a controller that is killed while ten containers run', () => {
    const { engine } = stage;
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
      const run = `n=0; trap "exit 0" TERM; while true; do n=$((n + 1)); echo line-$n-; sleep 0.1; done`;
      await session.apply(
        names.map((name) => agent(stage, { name, run: name === 'a0' ? run : forever })).join(''),
      );
      for (const name of names) await ready(session, name);
    });
    afterAll(() => session.end());

    const instances = async (): Promise<Instance[]> =>
      (await session.json<List<Instance>>('get instances')).items;
    const counts = async () =>
      (await instances()).map(({ metadata, status }) => ({
        name: metadata.name,
        phase: status?.phase,
        run: status?.run,
        restartCount: status?.restartCount,
        failures: status?.failures,
        readySince: status?.readySince,
      }));
    const kill = async (): Promise<void> => {
      const pid = await session.controllerPid();
      process.kill(pid, 'SIGKILL');
      await eventually(
        () => session.run(['get', 'agents']),
        ({ code }) => code === 3,
      );
    };

    test('the same containers run on, with the same start times, counts and Ready times', async () => {
      await engine.call('POST', `/containers/${containerOf('a1')}/kill`);
      await ready(session, 'a1', 2);
      const before = await counts();
      for (let n = 0; n < 3; n += 1) {
        await kill();
        await session.ok('controller start');
        const after = await eventually(counts, (all) => all.every(({ phase }) => phase === 'Ready'));
        expect(after).toEqual(before);
      }
      for (const { name, run } of before) {
        expect(await inspect(engine, `agentctl-default-${name}`)).toMatchObject({
          Id: run?.ref,
          State: { Running: true, StartedAt: run?.startedAt },
        });
      }
    });

    test('a container that ended while no controller was there is counted once', async () => {
      await kill();
      await engine.call('POST', `/containers/${containerOf('a2')}/kill`);
      await session.ok('controller start');
      const after = await ready(session, 'a2', 2);
      expect(after).toMatchObject({ restartCount: 1, failures: 1, lastExit: { run: 1, code: 137 } });
    });

    test('logs -f that is asked for after the return tells of what was said meanwhile, in order', async () => {
      const first = session.begin(['logs', '-f', 'a0']);
      await eventually(first.output, (text) => text.includes('line-2-'));
      await kill();
      await first.end();
      const seen = linesOf(first.output()).length;
      await session.ok('controller start');
      const second = session.begin(['logs', '-f', 'a0']);
      await eventually(second.output, (text) => linesOf(text).length > seen + 5);
      await second.end();
      const numbers = linesOf(second.output());
      expect(numbers).toEqual(numbers.map((_, at) => at + 1));
    });
  });
}

const linesOf = (text: string): number[] => [...text.matchAll(/line-(\d+)-/g)].map(([, n]) => Number(n));
