import { isApiError } from '../../api/errors.ts';
import type { Instance } from '../../api/objects.ts';
import type { Client } from '../cli.ts';
import { counted } from '../counted.ts';
import { messagesOf } from '../talk/conversations.ts';
import { isEnded } from '../talk/outcome.ts';
import { ago, conditionsSection, fields, joined, metadataFields, phaseText, section } from './fields.ts';
import { exitText, nextText, placeOf, startTime } from './instance-table.ts';

export async function describeInstance(client: Client, instance: Instance, now: number): Promise<string> {
  const { spec, status = {} } = instance;
  const { run } = status;
  const { pid, container } = placeOf(instance);
  return [
    fields([
      ...metadataFields(instance, now),
      ['Agent', spec.agentName],
      ['Runtime', spec.runtimeRef.name],
      ['Phase', phaseText(status)],
      ['Why', status.message === '' ? undefined : status.message],
      ['Restarts', `${status.restartCount ?? 0}, ${counted(status.failures ?? 0, 'failure')} in a row`],
      ['Ready since', status.readySince === undefined ? undefined : ago(status.readySince, now)],
      ['Last exit', exitText(status, now)],
      ['Next', nextText(status, now)],
      ['Works on', await worksOn(client, instance)],
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
              ['Pid', pid],
              ['Container', container],
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

/** Returns the messages that it has and has not answered. */
async function worksOn(client: Client, { metadata, spec }: Instance): Promise<string[] | undefined> {
  const agent = await client
    .get('Agent', { namespace: metadata.namespace, name: spec.agentName })
    .catch(absent);
  if (agent === undefined || agent.spec.protocol === 'none') return undefined;
  const messages = await messagesOf(client, metadata.namespace, { 'status.instance': metadata.name });
  const open = messages.filter((message) => !isEnded(message));
  if (open.length === 0) return ['nothing'];
  return open.map(
    ({ metadata: { name }, spec: { conversation, from } }) =>
      `message ${name} of ${from}, conversation ${conversation}`,
  );
}

function absent(error: unknown): undefined {
  if (!isApiError(error, 'NotFound')) throw error;
}

function lastOutcome({ status }: Instance, now: number): string {
  const outcome = status?.lastOutcome;
  if (outcome === undefined || outcome.result === 'Succeeded') return '';
  const { action, at, result, reason, message, count } = outcome;
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
