import type { InstanceStatus } from '../api/objects.ts';
import { instant } from './instant.ts';

/**
 * Whether the status takes one of its Runtime's places: its run is up, or claimed and about to come up. A claim that
 * waits for something (Pending) gives its place back, and takes one again when it goes on.
 */
export function holdsPlace(status: InstanceStatus): boolean {
  const { run, phase } = status;
  if (run === undefined || status.lastExit?.run === run.number) return false;
  return (
    run.startedAt !== undefined ||
    phase === 'Starting' ||
    phase === 'Unknown' ||
    phase === 'Stopping' ||
    retries(status)
  );
}

/**
 * Whether a start that lacked something is being tried again. For people it stays Pending for the same reason, rather
 * than Starting in turns with it.
 */
export function retries({ run, phase, reason, lastOutcome: last }: InstanceStatus): boolean {
  if (phase !== 'Pending' || last?.result !== 'NotStartable' || last.action !== 'Start') return false;
  if (run === undefined || run.startedAt !== undefined || last.run !== run.number) return false;
  return last.reason === reason && (instant(run.claimedAt) ?? 0) > (instant(last.at) ?? 0);
}
