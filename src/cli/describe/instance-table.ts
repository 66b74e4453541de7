import { containerName } from '../../api/names.ts';
import type { Instance, InstanceStatus } from '../../api/objects.ts';
import { age, humanDuration, isTime, parseTime, wholeSeconds } from '../../api/time.ts';
import { table } from '../print/table.ts';
import { once } from './fields.ts';

/**
 * Leaves out columns that are empty for all instances.
 *
 * @param why a text that is already printed above, so it is left out here
 */
export function instanceTable(instances: readonly Instance[], now: number, why?: string): string {
  const head = [
    'NAME',
    'PHASE',
    'REASON',
    'PID',
    'CONTAINER',
    'RUN',
    'UP',
    'RESTARTS',
    'LAST EXIT',
    'NEXT',
    'MESSAGE',
  ];
  const rows = instances.map((instance) => {
    const { metadata, status = {} } = instance;
    const { pid, container } = placeOf(instance);
    return [
      metadata.name,
      status.phase ?? 'Pending',
      status.reason === status.phase ? '' : (status.reason ?? ''),
      pid ?? '-',
      container ?? '-',
      String(status.run?.number ?? 0),
      upText(status, now),
      String(status.restartCount ?? 0),
      exitText(status, now),
      nextText(status, now),
      once(status.message ?? '', why),
    ];
  });
  const tells = head.map((_, index) => rows.some((row) => row[index] !== '' && row[index] !== '-'));
  const shown = [head, ...rows].map((row) => row.filter((_, index) => tells[index]));
  return table(shown, { indent: '  ' });
}

/** Returns the ids that other tools use, while it runs. For a process, startId has boot, pid and start time. */
export function placeOf({ metadata, status }: Instance): { pid?: string; container?: string } {
  const { ref, startedAt = '', number } = status?.run ?? {};
  if (ref === undefined || startedAt === '' || status?.lastExit?.run === number) return {};
  const [, pid] = /^[0-9a-f-]{36}:(\d+):\d+$/.exec(startedAt) ?? [];
  if (pid !== undefined) return { pid };
  if (!isTime(startedAt)) return {};
  return {
    container: containerName({ namespace: metadata.namespace ?? 'default', instance: metadata.name }),
  };
}

const running = new Set(['Starting', 'Ready', 'Unready', 'Stopping']);

/**
 * A Runtime's startedAt may be something else than a time. Then the time of the claim is used, just before the start.
 */
export const startTime = ({ startedAt, claimedAt }: NonNullable<InstanceStatus['run']>): string =>
  startedAt !== undefined && isTime(startedAt) ? startedAt : claimedAt;

function upText({ phase, run }: InstanceStatus, now: number): string {
  return run?.startedAt !== undefined && running.has(phase ?? '') ? age(startTime(run), now) : '-';
}

export function exitText({ lastExit }: InstanceStatus, now: number): string {
  if (lastExit === undefined) return '-';
  const { signal, code, oomKilled, finishedAt, cause } = lastExit;
  const how =
    oomKilled === true
      ? 'out of memory'
      : signal !== undefined
        ? signal
        : code === undefined
          ? 'unknown'
          : `exit ${code}`;
  const by = {
    Agent: '',
    Stop: ' (stopped)',
    Runtime: ' (by its Runtime)',
    Lost: ' (lost)',
    StartFailed: ' (not started)',
  }[cause];
  return `${how}${by}, ${age(finishedAt, now)} ago`;
}

const stopWords = {
  Shutdown: 'signal if it is still running',
  Signal: 'kill if it is still running',
  Kill: 'kill',
};

/** Returns the next event that time alone will cause. */
export function nextText(
  { phase, backoffUntil, nextRestartAt, stop, queue }: InstanceStatus,
  now: number,
): string {
  const due = (what: string, at: string): string => {
    const time = parseTime(at) ?? now;
    return time <= now ? `${what} now` : `${what} in ${humanDuration(wholeSeconds(time - now))}`;
  };
  if (stop !== undefined) return due(stopWords[stop.stage], stop.deadline);
  if (phase === 'BackOff' && backoffUntil !== undefined) return due('start', backoffUntil);
  if (queue !== undefined) return `start as number ${queue.position} in the queue`;
  const ended = phase === 'Completed' || phase === 'Failed'; // only running instances are restarted by schedule
  return nextRestartAt === undefined || ended ? '-' : due('restart', nextRestartAt);
}
