import type { Instance, InstanceStatus } from '../api/objects.ts';
import type { Meters } from '../platform/meters.ts';
import type { ManagerMeter } from './manager.ts';

export const managerMeter = (meters: Meters): ManagerMeter => ({
  reconciled(reconciler, result, waited, took) {
    meters.queueSeconds.observe({ reconciler }, waited / 1_000);
    meters.reconcileSeconds.observe({ reconciler, result }, took / 1_000);
  },
  retried: (reconciler) => meters.reconcileRetries.inc({ reconciler }),
});

/** Returns how many Instances are in each phase. */
export function countPhases(instances: readonly Instance[]) {
  const counts = new Map<NonNullable<InstanceStatus['phase']>, number>();
  for (const { status: { phase = 'Pending' } = {} } of instances)
    counts.set(phase, (counts.get(phase) ?? 0) + 1);
  return Array.from(counts, ([phase, count]) => [{ phase }, count] as const);
}

/** Counts what the claim of a new status records: each start, restart and end of a run once. */
export function countRuns(
  meters: Meters,
  { metadata, spec, status: before = {} }: Instance,
  now: InstanceStatus,
) {
  const labels = { namespace: metadata.namespace ?? 'default', agent: spec.agentName };
  const { run, lastExit, restartCount = 0 } = now;
  const isSameRun = run?.number === before.run?.number && run?.startedAt === before.run?.startedAt;
  if (run?.startedAt !== undefined && !isSameRun) meters.instanceStarts.inc(labels);
  const restarts = restartCount - (before.restartCount ?? 0);
  if (restarts > 0) meters.instanceRestarts.inc(labels, restarts);
  if (lastExit !== undefined && lastExit.run !== before.lastExit?.run)
    meters.instanceExits.inc({ ...labels, cause: lastExit.cause });
}
