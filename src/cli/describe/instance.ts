import type { InstanceDetails } from '../../views/instance-details.ts';
import { counted } from '../counted.ts';
import {
  ago,
  conditionsSection,
  fields,
  type Head,
  joined,
  metadataFields,
  section,
  stateText,
} from './fields.ts';
import { exitText, stepText } from './instance-table.ts';

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
