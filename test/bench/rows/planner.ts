import { written } from '../../../src/plan/forecasting.ts';
import { reconcile } from '../../../src/plan/reconcile.ts';
import { containerOf, exited, iso, readyStatus, second, start, viewOf, worldOf } from '../../plan/worlds.ts';
import { type Measurement, repeated } from '../measure.ts';

const rounds = 40_000;

/** One instance runs, one waits for the end of its backoff, one has ended, under a scheduled restart. */
const applied = worldOf({
  spec: { replicas: 3 },
  policy: { scheduledRestart: { cron: '0 4 * * *', timezone: 'Europe/Berlin' } },
  now: start + 10 * second,
  instances: [
    viewOf(readyStatus(), [containerOf()]),
    viewOf(
      readyStatus({
        phase: 'BackOff',
        reason: 'Error',
        failures: 2,
        backoffUntil: iso(start + 60 * second),
        lastExit: { code: 1, finishedAt: iso(start + 5 * second), cause: 'Agent', run: 1 },
      }),
      [exited(1, start + 5 * second, { ref: 'c2', instanceUid: 'uid-1', instance: 'web-1' })],
      { ordinal: 1 },
    ),
    viewOf(readyStatus(), [exited(1, start + 9 * second, { ref: 'c3', instanceUid: 'uid-2' })], {
      ordinal: 2,
    }),
  ],
});

/** As it is in all plans but the first, with what that wrote: among others the times that it found for the schedule. */
const world = written(applied, reconcile(applied));

/** Calls a second of the pure planner. */
export async function planner(): Promise<Measurement[]> {
  const rate = (work: (round: number) => unknown): number => {
    const begun = performance.now();
    for (let round = 0; round < rounds; round += 1) work(round);
    return (rounds * 1000) / (performance.now() - begun);
  };
  const pairs = await repeated(8, async () => ({
    plan: rate((round) => reconcile({ ...world, now: world.now + (round % 1000) })),
    json: rate(() => JSON.parse(JSON.stringify(world))),
  }));
  // The first round is that of an interpreter.
  const warm = pairs.slice(1);
  return [
    {
      name: 'reconciles of the planner',
      unit: '/s',
      samples: warm.map(({ plan }) => plan),
      reference: { name: 'copies of their input by JSON', samples: warm.map(({ json }) => json) },
      aim: { share: 2 },
    },
    ...growth(),
  ];
}

/** A plan of many instances beside one of few, for each instance. */
function growth(): Measurement[] {
  const each = (replicas: number): number[] => {
    const ready = Array.from({ length: replicas }, (_, ordinal) => {
      const instanceUid = `uid-${ordinal}`;
      return viewOf(readyStatus(), [containerOf({ ref: `c${ordinal}`, instanceUid })], { ordinal });
    });
    const first = worldOf({ spec: { replicas }, now: start + 10 * second, instances: ready });
    const large = written(first, reconcile(first));
    return Array.from({ length: 8 }, () => {
      const begun = performance.now();
      for (let planned = 0; planned < 10_000; planned += replicas) reconcile(large);
      return (performance.now() - begun) / 10_000;
    }).slice(1);
  };
  return [
    {
      name: 'plan of 1,000 instances, for each',
      unit: 'ms',
      samples: each(1000),
      reference: { name: 'of 50', samples: each(50) },
      aim: { times: 1.5 },
    },
  ];
}
