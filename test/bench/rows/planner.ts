import { written } from '../../../src/plan/model.ts';
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
  const samples = await repeated(8, async () => {
    const begun = performance.now();
    for (let round = 0; round < rounds; round += 1) reconcile({ ...world, now: world.now + (round % 1000) });
    return (rounds * 1000) / (performance.now() - begun);
  });
  // The first round is that of an interpreter.
  return [
    { name: 'reconciles of the planner', unit: '/s', samples: samples.slice(1), aim: { atLeast: 100_000 } },
  ];
}
