import type { Change } from '../api/difference.ts';
import { kindInfo } from '../api/kinds.ts';
import type { Agent, Condition, Instance, Policy, PolicySpec, Revision, Runtime } from '../api/objects.ts';
import { withDefaults } from '../api/shape.ts';
import type { AgentUsage } from '../client/streams.ts';
import { drift } from '../plan/revision.ts';
import { type TalkDetails, type TalkObjects, talkDetails } from './conversation-view.ts';
import { type InstanceDetails, instanceDetails, type State, stateOf } from './instance-details.ts';
import type { Lookup } from './lookup.ts';

export interface AgentView extends Pick<Agent, 'kind' | 'metadata' | 'spec'> {
  state: State;
  replicas: { desired: number; current: number; ready: number; updated: number };
  restarts: number;
  runtime: AgentRuntime;
  /** What happens next by time alone. Without a time it waits for something else. */
  next?: { action: string; at?: string | undefined } | undefined;
  /** The best position of its instances in the queue of the Runtime. */
  queue?: string | undefined;
  policy: AgentPolicy;
  /** Ordered by ordinal. */
  instances: readonly InstanceDetails[];
  /** How the spec differs from what each instance runs. */
  drift: readonly (Change & { instance: string })[];
  /** Its messages and what they used; absent without a protocol. */
  talk?: TalkDetails | undefined;
  usage?: readonly UsageWindow[] | undefined;
  conditions: readonly Condition[];
}

/** Where it runs. Without a name, the controller has not chosen the default container Runtime yet. */
interface AgentRuntime {
  name: string | undefined;
  /** Absent if it does not exist. */
  driver?: string | undefined;
  version?: string | undefined;
  /** Absent until it was checked. */
  ready?: Condition | undefined;
}

type AgentPolicy =
  | { from: 'Own' | 'Default'; rules: PolicySpec }
  /** Without rules, the Policy does not exist. */
  | { from: 'Policy'; name: string; rules?: PolicySpec | undefined };

/** What its turns used in this long. */
interface UsageWindow {
  last: string;
  sums: readonly AgentUsage[];
}

/** What an AgentView is built from. */
export interface AgentObjects {
  agent: Agent;
  /** All of its namespace. */
  instances: readonly Instance[];
  revisions: readonly Revision[];
  /** Absent if it does not exist, or if the agent names none. */
  policy?: Policy | undefined;
  runtime?: Runtime | undefined;
  /** Absent for an agent without a protocol. */
  talk?: TalkObjects | undefined;
  usage?: readonly UsageWindow[] | undefined;
}

export function agentView({ talk, usage, ...objects }: AgentObjects): AgentView {
  const { agent, runtime } = objects;
  const { kind, metadata, spec, status = {} } = agent;
  const { replicas = 0, readyReplicas = 0, updatedReplicas = 0, nextAction, nextAt } = status;
  const instances = objects.instances
    .filter((instance) => instance.spec.agentUID === metadata.uid)
    .sort((a, b) => a.spec.ordinal - b.spec.ordinal);
  return {
    kind,
    metadata,
    state: stateOf(status),
    replicas: { desired: spec.replicas, current: replicas, ready: readyReplicas, updated: updatedReplicas },
    restarts: status.restartCount ?? 0,
    runtime: {
      name: runtimeOf(agent),
      driver: runtime?.spec.driver,
      version: runtime?.status?.version,
      ready: runtime?.status?.conditions?.find(({ type }) => type === 'Ready'),
    },
    next: nextAction === undefined ? undefined : { action: nextAction, at: nextAt },
    queue: status.queue,
    spec,
    policy: policyOf(objects),
    instances: instances.map(instanceDetails),
    drift: driftOf({ ...objects, instances }),
    talk: talk && talkDetails(spec, talk),
    usage,
    conditions: status.conditions ?? [],
  };
}

const day = 86_400_000;
/** The longest window is as long as usage is kept. */
const windows = [
  ['24h', day],
  ['90d', 90 * day],
] as const;

export async function readAgent(lookup: Lookup, agent: Agent, now: number): Promise<AgentView> {
  const { namespace } = agent.metadata;
  const { policyRef, protocol } = agent.spec;
  const runtime = runtimeOf(agent);
  const [instances, revisions, policy, found, talk] = await Promise.all([
    lookup.list('Instance', { namespace }),
    lookup.list('Revision', { namespace }),
    policyRef && lookup.find('Policy', { ...(namespace && { namespace }), name: policyRef.name }),
    runtime === undefined ? undefined : lookup.find('Runtime', { name: runtime }),
    protocol === 'none' ? undefined : readTalk(lookup, agent, now),
  ]);
  return agentView({
    agent,
    instances: instances.items,
    revisions: revisions.items,
    policy,
    runtime: found,
    ...talk,
  });
}

async function readTalk(
  lookup: Lookup,
  agent: Agent,
  now: number,
): Promise<Required<Pick<AgentObjects, 'talk' | 'usage'>>> {
  const [messages, conversations, ...usage] = await Promise.all([
    lookup.messages(agent),
    lookup.conversations(agent),
    ...windows.map(async ([last, span]) => ({ last, sums: await lookup.usage(agent, now - span) })),
  ]);
  return { talk: { messages, conversations, now }, usage };
}

/** Returns undefined until the controller has chosen a Runtime for an image without a runtimeRef. */
export const runtimeOf = ({ spec, status }: Agent): string | undefined =>
  status?.runtime ?? spec.runtimeRef?.name ?? (spec.template.image === undefined ? 'process' : undefined);

function policyOf({ agent: { spec }, policy }: AgentObjects): AgentPolicy {
  if (spec.policyRef !== undefined)
    return { from: 'Policy', name: spec.policyRef.name, rules: policy && rulesOf(policy.spec) };
  return { from: spec.policy === undefined ? 'Default' : 'Own', rules: rulesOf(spec.policy) };
}

function driftOf({ agent, instances, revisions }: AgentObjects): AgentView['drift'] {
  const { uid } = agent.metadata;
  const own = revisions.filter(({ metadata }) =>
    metadata.ownerReferences?.some((owner) => owner.uid === uid),
  );
  return instances.flatMap(({ metadata, status }) => {
    const revision = own.find((each) => each.metadata.name === status?.run?.revision);
    if (revision === undefined) return [];
    return drift(agent.spec, revision).map(({ field, ...change }) => ({
      instance: metadata.name,
      path: field,
      ...change,
    }));
  });
}

export interface PolicyView extends Pick<Policy, 'kind' | 'metadata'> {
  /** The names of the agents that refer to it, sorted. */
  usedBy: readonly string[];
  rules: PolicySpec;
}

export async function readPolicy(lookup: Lookup, { kind, metadata, spec }: Policy): Promise<PolicyView> {
  const { items } = await lookup.list('Agent', { namespace: metadata.namespace });
  const users = items.filter((agent) => agent.spec.policyRef?.name === metadata.name);
  return {
    kind,
    metadata,
    usedBy: users.map((agent) => agent.metadata.name).sort(),
    rules: rulesOf(spec),
  };
}

/** Returns the rules that hold: what a policy leaves out has its default. */
function rulesOf(given: Partial<PolicySpec> | undefined): PolicySpec {
  const schema = kindInfo('Policy').schema.properties?.spec ?? {};
  return withDefaults(schema, given ?? {}) as PolicySpec; // every field that is not optional has a default
}
