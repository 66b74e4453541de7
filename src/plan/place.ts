import type { InstanceStatus } from '../api/objects.ts';

/**
 * Whether the status takes one of its Runtime's places: its run is up, or claimed and about to come up. A claim that
 * waits for something (Pending) gives its place back, and takes one again when it goes on.
 */
export function holdsPlace(status: InstanceStatus): boolean {
  const { run, phase } = status;
  if (run === undefined || status.lastExit?.run === run.number) return false;
  return run.startedAt !== undefined || phase === 'Starting' || phase === 'Unknown' || phase === 'Stopping';
}
