/** Worlds to plan in: an Agent `web` in the namespace `default`, on a Runtime `docker` that answers. */
import { capabilitiesOf } from '../../src/api/capabilities.ts';
import { kindInfo } from '../../src/api/kinds.ts';
import type {
  Agent,
  AgentSpec,
  Instance,
  InstanceStatus,
  PolicySpec,
  Revision,
  Runtime,
} from '../../src/api/objects.ts';
import { withDefaults } from '../../src/api/shape.ts';
import { revisionData } from '../../src/plan/revision.ts';
import type {
  InboxView,
  InstanceView,
  Observed,
  RuntimeView,
  TalkView,
  World,
} from '../../src/plan/world.ts';

export const start = Date.parse('2026-03-02T12:00:00.000Z');
export const second = 1000;
export const minute = 60_000;
export const hour = 3_600_000;
export const day = 86_400_000;
export const iso = (at: number): string => new Date(at).toISOString();

type Deep<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: Deep<T[K]> } : T;

export function policyOf(policy: Deep<PolicySpec> = {}): PolicySpec {
  const schema = kindInfo('Policy').schema.properties?.spec ?? {};
  return withDefaults(schema, policy as PolicySpec); // the defaults make it whole
}

export function specOf(spec: Deep<AgentSpec> = {}): AgentSpec {
  const schema = kindInfo('Agent').schema.properties?.spec ?? {};
  return withDefaults(schema, { template: { image: 'web:1' }, ...spec } as AgentSpec); // the defaults make it whole
}

export function agentOf(spec: Deep<AgentSpec> = {}, metadata: Partial<Agent['metadata']> = {}): Agent {
  return {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Agent',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'agent-uid',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: iso(start),
      finalizers: ['agentctl.dev/instances'],
      ...metadata,
    },
    spec: specOf(spec),
  };
}

export function revisionOf(agent: Agent, number = 1, inputs: Record<string, string> = {}): Revision {
  return {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Revision',
    metadata: {
      name: `${agent.metadata.name}-${number}`,
      namespace: 'default',
      uid: `revision-${number}`,
      resourceVersion: '1',
      creationTimestamp: iso(start),
    },
    revision: number,
    data: revisionData(agent.spec) as unknown as Record<string, unknown>, // JSON
    inputs,
  };
}

export function runtimeOf(spec: Deep<Runtime['spec']> = {}, name = 'docker'): Runtime {
  const schema = kindInfo('Runtime').schema.properties?.spec ?? {};
  return {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Runtime',
    metadata: { name, uid: `runtime-${name}`, resourceVersion: '1', creationTimestamp: iso(start) },
    spec: withDefaults(schema, { driver: 'docker', ...spec } as Runtime['spec']), // the defaults make it whole
  };
}

export function instanceOf(status: InstanceStatus = {}, ordinal = 0, runtime = 'docker'): Instance {
  return {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Instance',
    metadata: {
      name: `web-${ordinal}`,
      namespace: 'default',
      uid: `uid-${ordinal}`,
      resourceVersion: '1',
      creationTimestamp: iso(start),
    },
    spec: { agentName: 'web', agentUID: 'agent-uid', ordinal, runtimeRef: { name: runtime } },
    status,
  };
}

export function viewOf(
  status: InstanceStatus = {},
  observed: InstanceView['observed'] = [],
  more: Partial<InstanceView> & { ordinal?: number; runtime?: string } = {},
): InstanceView {
  const { ordinal = 0, runtime = 'docker', ...view } = more;
  return {
    object: instanceOf(status, ordinal, runtime),
    observed,
    probe: {},
    activity: { busy: false, idleSince: start, waiting: 0 },
    ...view,
  };
}

export function containerOf(container: Partial<Observed> = {}): Observed {
  return {
    ref: 'c1',
    instanceUid: 'uid-0',
    namespace: 'default',
    instance: 'web-0',
    agent: 'web',
    run: 1,
    revision: 'web-1',
    state: 'Running',
    startId: 's1',
    startedAt: start,
    controllerVersion: '1',
    ...container,
  };
}

export const exited = (code: number, finishedAt: number, more: Partial<Observed> = {}): Observed =>
  containerOf({ state: 'Exited', exit: { code, finishedAt, cause: 'Agent' }, ...more });

/** The status of an instance that is Ready in its first run since `start`. */
export const readyStatus = (more: InstanceStatus = {}): InstanceStatus => ({
  phase: 'Ready',
  reason: 'Ready',
  run: {
    number: 1,
    revision: 'web-1',
    claimedAt: iso(start),
    cause: 'FirstStart',
    startedBy: 'Create',
    previous: {},
    ref: 'c1',
    startedAt: 's1',
  },
  restartCount: 0,
  readySince: iso(start + second),
  ...more,
});

type Stop = NonNullable<InstanceStatus['stop']>;

/** A stop of run 1 that was requested at `start`, in its second stage. */
export const stopOf = (next: Stop['then'] = 'Stay', more: Partial<Stop> = {}): Stop => ({
  run: 1,
  cause: 'Suspended',
  message: 'spec.suspend is true',
  requestedAt: iso(start),
  deadline: iso(start + 10 * second),
  stage: 'Signal',
  // biome-ignore lint/suspicious/noThenProperty: a field of the API, in an object that nobody awaits
  then: next,
  ...more,
});

/** By default Online, with what its driver can do. */
export const runtimeViewOf = (
  object: Runtime = runtimeOf(),
  health: RuntimeView['health'] = { state: 'Online' },
): RuntimeView => ({ object, health, capabilities: capabilitiesOf(object.spec) });

/** How run 1 is talked to, Ready since `start` unless it says otherwise. */
export const talkOf = (talk: Partial<TalkView> = {}): TalkView => ({
  run: 1,
  state: 'Ready',
  since: start,
  message: '',
  controls: {},
  ...talk,
});

/** Of an Agent without a protocol. */
export const emptyInbox: InboxView = { waiting: 0, sent: new Map(), open: new Set() };
export const inboxOf = (inbox: Partial<InboxView> = {}): InboxView => ({ ...emptyInbox, ...inbox });

export interface WorldOptions extends Partial<Omit<World, 'policy'>> {
  spec?: Deep<AgentSpec>;
  policy?: Deep<PolicySpec> | { missing: string };
}

/** One World; by default its single Revision is of the spec, and every Instance has a grant. */
export function worldOf({ spec, policy, ...more }: WorldOptions = {}): World {
  const agent = more.agent ?? agentOf(spec);
  const instances = more.instances ?? [viewOf()];
  return {
    now: start,
    agent,
    policy: policy !== undefined && 'missing' in policy ? (policy as { missing: string }) : policyOf(policy),
    runtime: runtimeViewOf(),
    inputs: {},
    revisions: [revisionOf(agent)],
    instances,
    grants: new Set(instances.map(({ object }) => object.metadata.uid)),
    controllerVersion: '1',
    inbox: emptyInbox,
    gates: [],
    unsupported: [],
    ...more,
  };
}
