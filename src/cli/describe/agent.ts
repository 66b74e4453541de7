import { changeLine } from '../../api/changes.ts';
import type { Agent, Instance, Policy, Revision, Runtime } from '../../api/objects.ts';
import { humanDuration, parseTime } from '../../api/time.ts';
import { drift } from '../../plan/drift.ts';
import type { Client } from '../cli.ts';
import { found } from '../found.ts';
import { table } from '../print/table.ts';
import { usageCells, usageHead } from '../talk/usage.ts';
import {
  ago,
  conditionsSection,
  fields,
  joined,
  metadataFields,
  phaseText,
  section,
  tableSection,
} from './fields.ts';
import { instanceTable } from './instance-table.ts';
import { policyFields } from './policy-fields.ts';
import { specFields } from './spec.ts';
import { talkSection } from './talk.ts';
import type { Talks } from './talks.ts';

/** The data for the description of an agent. */
interface Story {
  agent: Agent;
  instances: readonly Instance[];
  revisions: readonly Revision[];
  policy: Policy | 'missing' | undefined;
  runtime: Runtime | undefined;
  /** The sections about its conversations, and about the usage of its turns. */
  talk: string;
  usage: string;
}

export async function describeAgent(
  client: Client,
  talks: Talks,
  agent: Agent,
  now: number,
): Promise<string> {
  const { namespace, uid } = agent.metadata;
  const [instances, revisions] = await Promise.all([
    client.list('Instance', { namespace }),
    client.list('Revision', { namespace }),
  ]);
  const own = instances.items
    .filter(({ spec }) => spec.agentUID === uid)
    .sort((a, b) => a.spec.ordinal - b.spec.ordinal);
  const runtimeName = runtimeOf(agent);
  const { policyRef } = agent.spec;
  const policy =
    policyRef === undefined
      ? undefined
      : ((await found(client.get('Policy', { namespace, name: policyRef.name }))) ?? 'missing');
  return agentText(
    {
      agent,
      instances: own,
      revisions: revisions.items.filter(({ metadata }) =>
        (metadata.ownerReferences ?? []).some((owner) => owner.uid === uid),
      ),
      policy,
      runtime:
        runtimeName === undefined ? undefined : await found(client.get('Runtime', { name: runtimeName })),
      talk: await talkSection(talks, agent, now),
      usage: await usageSection(talks, agent, now),
    },
    now,
  );
}

/** A longer message is printed once. */
const longWhy = 80;

function agentText(story: Story, now: number): string {
  const { agent, instances } = story;
  const { status = {} } = agent;
  const accepted = status.conditions?.find(({ type }) => type === 'Accepted');
  const { message = '' } = status;
  const why = accepted?.status === 'False' || message.length > longWhy ? message : undefined;
  return [
    fields([
      ...metadataFields(agent, now),
      ['Phase', phaseText(status)],
      ['Why', status.message === '' ? undefined : status.message],
      ['Replicas', replicasText(agent)],
      ['Restarts', String(status.restartCount ?? 0)],
      ['Runtime', runtimeText(story)],
      ['Next', nextText(agent, now)],
      ['Queue', status.queue],
    ]),
    section('Runs', fields(specFields(agent.spec), '  ')),
    story.talk,
    story.usage,
    section(policyTitle(story), policyText(story)),
    instances.length === 0
      ? section('Instances', '  <none>\n')
      : section('Instances', instanceTable(instances, now, why)),
    driftText(story),
    conditionsSection(status.conditions, now, why),
  ].join('');
}

function replicasText({ spec, status = {} }: Agent): string {
  const { replicas = 0, readyReplicas = 0, updatedReplicas = 0 } = status;
  return joined([
    `${spec.replicas} desired`,
    `${replicas} current`,
    `${readyReplicas} Ready`,
    `${updatedReplicas} up to date`,
    spec.suspend && 'suspended',
  ]);
}

/** Returns undefined until the controller has chosen a Runtime for an image without a runtimeRef. */
const runtimeOf = ({ spec, status }: Agent): string | undefined =>
  status?.runtime ?? spec.runtimeRef?.name ?? (spec.template.image === undefined ? 'process' : undefined);

function runtimeText({ agent, runtime }: Story): string {
  const name = runtimeOf(agent);
  if (name === undefined) return 'the default container Runtime';
  if (runtime === undefined) return `${name}, which does not exist`;
  const ready = runtime.status?.conditions?.find(({ type }) => type === 'Ready');
  const how =
    ready === undefined
      ? 'not checked yet'
      : ready.status === 'True'
        ? 'Ready'
        : `${ready.reason}: ${ready.message}`;
  return `${name} (driver ${joined([runtime.spec.driver, runtime.status?.version])}): ${how}`;
}

function nextText({ status }: Agent, now: number): string {
  const { nextAction, nextAt } = status ?? {};
  const at = nextAt === undefined ? undefined : parseTime(nextAt);
  if (nextAction === undefined) return 'nothing is scheduled';
  if (nextAt === undefined || at === undefined) return nextAction;
  return at <= now
    ? `${nextAction} now`
    : `${nextAction} in ${humanDuration(at - now)}, ${ago(nextAt, now).replace(/ \(.*/, '')}`;
}

function policyTitle({ agent, policy }: Story): string {
  if (agent.spec.policyRef !== undefined)
    return `Policy ${agent.spec.policyRef.name}${policy === 'missing' ? ', which does not exist' : ''}`;
  return agent.spec.policy === undefined ? 'Policy (the defaults)' : 'Policy (its own)';
}

function policyText({ agent, policy }: Story): string {
  if (policy === 'missing') return '  nothing is started or stopped until the policy exists\n';
  return fields(
    policyFields(policy?.spec ?? agent.spec.policy, { hasImage: agent.spec.template.image !== undefined }),
    '  ',
  );
}

/** Lists the differences between what each instance runs and the spec, field by field. */
function driftText({ agent, instances, revisions }: Story): string {
  const lines = instances.flatMap(({ metadata, status }) => {
    const revision = revisions.find((each) => each.metadata.name === status?.run?.revision);
    const fields = revision === undefined ? [] : drift(agent.spec, revision);
    return fields.map(({ field, ...change }) => [metadata.name, changeLine({ path: field, ...change })]);
  });
  return lines.length === 0 ? '' : section('Drift', table(lines, { indent: '  ' }));
}

const day = 86_400_000;
/** The longest window is as long as usage is kept. */
const windows = [
  ['24h', day],
  ['90d', 90 * day],
] as const;

/** Returns the usage of an agent's turns; empty for an agent without a protocol. */
async function usageSection(talks: Talks, agent: Agent, now: number): Promise<string> {
  if (agent.spec.protocol === 'none') return '';
  const asked = windows.map(async ([name, length]) => {
    const sums = await talks.usage(agent, now - length);
    return sums.map((sum) => [name, ...usageCells(sum)]);
  });
  const rows = (await Promise.all(asked)).flat();
  return rows.length === 0
    ? section('Usage', '  no turns in the last 90d\n')
    : tableSection('Usage', ['LAST', ...usageHead], rows);
}
