import { age, humanDuration, parseTime, wholeSeconds } from '../../api/time.ts';
import type { InstanceDetails, NextStep } from '../../views/instance-details.ts';
import { counted } from '../print/shown.ts';
import { table } from '../print/text-table.ts';
import {
  ago,
  conditionsSection,
  fields,
  type Head,
  joined,
  metadataFields,
  once,
  section,
  stateText,
} from './fields.ts';

export function instanceText(view: InstanceDetails, head: Head, now: number): string {
  const { run, state } = view;
  return [
    fields([
      ...metadataFields(head, now),
      ['Agent', view.agent],
      ['Runtime', view.runtime],
      ['Phase', stateText(state)],
      ['Why', state.message],
      ['Restarts', `${view.restarts}, ${counted(view.failures, 'failure')} in a row`],
      ['Ready since', view.readySince === undefined ? undefined : ago(view.readySince, now)],
      ['Last exit', exitText(view, now)],
      ['Next', stepText(view.next, now)],
      ['Works on', worksOn(view)],
    ]),
    run === undefined
      ? section('Run', '  <none>\n')
      : section(
          'Run',
          fields(
            [
              ['Number', String(run.number)],
              ['Cause', run.cause],
              ['Revision', run.revision],
              ['Claimed', ago(run.claimedAt, now)],
              ['Started', run.startedAt === undefined ? 'not yet' : ago(run.startedAt, now)],
              ['Pid', run.pid],
              ['Container', run.container],
              ['Reference', run.ref],
              ['Image', run.image],
            ],
            '  ',
          ),
        ),
    failedText(view, now),
    conditionsSection(view.conditions, now),
  ].join('');
}

function worksOn({ worksOn: messages }: InstanceDetails): string[] | undefined {
  if (messages?.length === 0) return ['nothing'];
  return messages?.map(
    ({ metadata: { name }, spec: { conversation, from } }) =>
      `message ${name} of ${from}, conversation ${conversation}`,
  );
}

function failedText({ failed }: InstanceDetails, now: number): string {
  if (failed === undefined) return '';
  const { action, at, result, reason, message, count } = failed;
  const times = count === undefined || count < 2 ? '' : `, ${count} failures in a row`;
  return section(
    'Last action',
    fields(
      [
        ['Action', `${action}: ${joined([result, reason])}${times}`],
        ['When', ago(at, now)],
        ['Message', message],
      ],
      '  ',
    ),
  );
}

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
  const isFilled = head.map((_, index) => rows.some((row) => row[index] !== '' && row[index] !== '-'));
  const shown = [head, ...rows].map((row) => row.filter((_, index) => isFilled[index]));
  return table(shown, { indent: '  ' });
}

function exitText({ lastExit }: InstanceDetails, now: number): string {
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

function stepText(next: NextStep | undefined, now: number): string {
  if (next === undefined) return '-';
  if (next.step === 'StartFromQueue') return `start as number ${next.position} in the queue`;
  const time = parseTime(next.at) ?? now;
  return time <= now
    ? `${words[next.step]} now`
    : `${words[next.step]} in ${humanDuration(wholeSeconds(time - now))}`;
}
