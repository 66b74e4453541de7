import type { Instance } from '../../api/objects.ts';
import type { Client } from '../cli.ts';
import { ago, conditionsSection, fields, joined, metadataFields, phaseText, section } from './fields.ts';
import { exitText, nextText, startTime } from './instance-table.ts';

export function describeInstance(_client: Client, instance: Instance, now: number): string {
  const { spec, status = {} } = instance;
  const { run } = status;
  return [
    fields([
      ...metadataFields(instance, now),
      ['Agent', spec.agentName],
      ['Runtime', spec.runtimeRef.name],
      ['Phase', phaseText(status)],
      ['Why', status.message === '' ? undefined : status.message],
      ['Restarts', `${status.restartCount ?? 0}, ${status.failures ?? 0} failures in a row`],
      ['Ready since', status.readySince === undefined ? undefined : ago(status.readySince, now)],
      ['Last exit', exitText(status, now)],
      ['Next', nextText(status, now)],
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
              ['Started', run.startedAt === undefined ? 'not yet' : ago(startTime(run), now)],
              ['Reference', run.ref],
              ['Image', run.image],
            ],
            '  ',
          ),
        ),
    lastOutcome(instance, now),
    conditionsSection(status.conditions, now),
  ].join('');
}

function lastOutcome({ status }: Instance, now: number): string {
  const outcome = status?.lastOutcome;
  if (outcome === undefined || outcome.result === 'Succeeded') return '';
  const { action, at, result, reason, message, count } = outcome;
  const times = count === undefined || count < 2 ? '' : `, ${count} times in a row`;
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
