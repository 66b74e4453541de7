import { changeLine } from '../../api/difference.ts';
import { humanDuration, parseTime } from '../../api/time.ts';
import type { AgentView } from '../../views/agent-view.ts';
import { table } from '../print/text-table.ts';
import { usageCells, usageHead } from '../talk/usage-table.ts';
import {
  ago,
  conditionsSection,
  fields,
  type Head,
  joined,
  metadataFields,
  section,
  stateText,
  tableSection,
} from './fields.ts';
import { instanceTable } from './instance-table.ts';
import { policyFields } from './policy-fields.ts';
import { specFields } from './spec.ts';
import { talkSection } from './talk.ts';

/** A longer message is printed once. */
const longWhy = 80;

export function agentText(view: AgentView, head: Head, now: number): string {
  const { state, instances, conditions } = view;
  const accepted = conditions.find(({ type }) => type === 'Accepted');
  const { message = '' } = state;
  const why = accepted?.status === 'False' || message.length > longWhy ? message : undefined;
  return [
    fields([
      ...metadataFields(head, now),
      ['Phase', stateText(state)],
      ['Why', state.message],
      ['Replicas', replicasText(view)],
      ['Restarts', String(view.restarts)],
      ['Runtime', runtimeText(view)],
      ['Next', nextText(view, now)],
      ['Queue', view.queue],
    ]),
    section('Runs', fields(specFields(view.spec), '  ')),
    talkSection(view, now),
    usageSection(view),
    section(policyTitle(view), policyText(view)),
    instances.length === 0
      ? section('Instances', '  <none>\n')
      : section('Instances', instanceTable(instances, now, why)),
    driftText(view),
    conditionsSection(conditions, now, why),
  ].join('');
}

const replicasText = ({ spec, replicas: { desired, current, ready, updated } }: AgentView): string =>
  joined([
    `${desired} desired`,
    `${current} current`,
    `${ready} Ready`,
    `${updated} up to date`,
    spec.suspend && 'suspended',
  ]);

function runtimeText({ runtime: { name, driver, version, ready } }: AgentView): string {
  if (name === undefined) return 'the default container Runtime';
  if (driver === undefined) return `${name}, which does not exist`;
  const how =
    ready === undefined
      ? 'not checked yet'
      : ready.status === 'True'
        ? 'Ready'
        : `${ready.reason}: ${ready.message}`;
  return `${name} (driver ${joined([driver, version])}): ${how}`;
}

function nextText({ next }: AgentView, now: number): string {
  if (next === undefined) return 'nothing is scheduled';
  const at = next.at === undefined ? undefined : parseTime(next.at);
  if (next.at === undefined || at === undefined) return next.action;
  return at <= now
    ? `${next.action} now`
    : `${next.action} in ${humanDuration(at - now)}, ${ago(next.at, now).replace(/ \(.*/, '')}`;
}

function policyTitle({ policy }: AgentView): string {
  switch (policy.from) {
    case 'Policy':
      return `Policy ${policy.name}${policy.rules === undefined ? ', which does not exist' : ''}`;
    case 'Own':
      return 'Policy (its own)';
    case 'Default':
      return 'Policy (the defaults)';
  }
}

function policyText({ spec, policy: { rules } }: AgentView): string {
  if (rules === undefined) return '  nothing is started or stopped until the policy exists\n';
  return fields(policyFields(rules, { hasImage: spec.template.image !== undefined }), '  ');
}

/** Lists the differences between what each instance runs and the spec, field by field. */
function driftText({ drift }: AgentView): string {
  const lines = drift.map(({ instance, ...change }) => [instance, changeLine(change)]);
  return lines.length === 0 ? '' : section('Drift', table(lines, { indent: '  ' }));
}

/** Empty for an agent without a protocol. */
function usageSection({ usage }: AgentView): string {
  if (usage === undefined) return '';
  const rows = usage.flatMap(({ last, sums }) => sums.map((sum) => [last, ...usageCells(sum)]));
  return rows.length === 0
    ? section('Usage', '  no turns in the last 90d\n')
    : tableSection('Usage', ['LAST', ...usageHead], rows);
}
