import { age, humanDuration, parseTime, wholeSeconds } from '../../api/time.ts';
import type { InstanceDetails, NextStep } from '../../views/instance-details.ts';
import { table } from '../print/text-table.ts';
import { once } from './fields.ts';

/**
 * Leaves out columns that are empty for all instances.
 *
 * @param why a text that is already printed above, so it is left out here
 */
export function instanceTable(instances: readonly InstanceDetails[], now: number, why?: string): string {
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
  const rows = instances.map((view) => {
    const { metadata, state, run } = view;
    return [
      metadata.name,
      state.phase,
      state.reason ?? '',
      run?.pid ?? '-',
      run?.container ?? '-',
      String(run?.number ?? 0),
      run?.isUp === true ? age(run.startedAt, now) : '-',
      String(view.restarts),
      exitText(view, now),
      stepText(view.next, now),
      once(state.message ?? '', why),
    ];
  });
  const tells = head.map((_, index) => rows.some((row) => row[index] !== '' && row[index] !== '-'));
  const shown = [head, ...rows].map((row) => row.filter((_, index) => tells[index]));
  return table(shown, { indent: '  ' });
}

export function exitText({ lastExit }: InstanceDetails, now: number): string {
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

const words = {
  SignalAfterShutdown: 'signal if it is still running',
  KillAfterSignal: 'kill if it is still running',
  Kill: 'kill',
  Start: 'start',
  Restart: 'restart',
} as const;

export function stepText(next: NextStep | undefined, now: number): string {
  if (next === undefined) return '-';
  if (next.step === 'StartFromQueue') return `start as number ${next.position} in the queue`;
  const time = parseTime(next.at) ?? now;
  return time <= now
    ? `${words[next.step]} now`
    : `${words[next.step]} in ${humanDuration(wholeSeconds(time - now))}`;
}
