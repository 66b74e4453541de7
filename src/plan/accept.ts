import { cronFault, isTimezone } from '../api/cron.ts';
import { type Agent, type AgentSpec, type PolicySpec, type Reference, references } from '../api/objects.ts';
import { protocolCapabilitiesOf, protocolsThat } from '../api/protocols.ts';
import { listed } from '../api/text.ts';
import type { World } from './world.ts';

/** Why something is refused, and what to do about it. */
export interface Refusal {
  reason: string;
  message: string;
}

type Scheduled = NonNullable<PolicySpec['scheduledRestart']>;
const checked = new WeakMap<Scheduled, { fault: string | undefined }>();

/** Returns why nothing of the spec can be started; undefined if it can. A refusal stops nothing that runs. */
export function refusal(world: World): Refusal | undefined {
  const { agent, policy, runtime, unsupported } = world;
  const { namespace = 'default' } = agent.metadata;
  if ('missing' in policy)
    return {
      reason: 'PolicyMissing',
      message: `The Policy ${policy.missing} does not exist in the namespace ${namespace}. Create it, or change spec.policyRef.`,
    };
  if ('missing' in runtime)
    return { reason: 'RuntimeMissing', message: runtimeMissing(agent, runtime.missing) };
  const { allowedNamespaces } = runtime.object.spec;
  const name = runtime.object.metadata.name;
  if (allowedNamespaces !== undefined && !allowedNamespaces.includes(namespace))
    return {
      reason: 'NamespaceNotAllowed',
      message: `The Runtime ${name} does not accept Agents of the namespace ${namespace}. Add the namespace to the Runtime's spec.allowedNamespaces, or use another Runtime.`,
    };
  if (unsupported.length > 0)
    return {
      reason: 'UnsupportedByRuntime',
      message: `The Runtime ${name} does not support ${listed(unsupported, { separator: '; ' })}. Change these fields, or use another Runtime.`,
    };
  const { protocol } = agent.spec;
  if (protocolCapabilitiesOf(agent.spec)?.asksPermission !== true && mustAsk(agent.spec))
    return {
      reason: 'PermissionsNotEnforceable',
      message: `An agent with protocol ${protocol} uses tools without asking for permission, so Deny and Ask in spec.permissions cannot be enforced. Use protocol ${protocolsThat('asksPermission')}, allow every tool, or set spec.permissions.unenforced: Accept to run it anyway.`,
    };
  const schedule = policy.scheduledRestart;
  const fault = schedule === undefined ? undefined : scheduleFault(schedule);
  return fault === undefined ? undefined : { reason: 'InvalidSchedule', message: fault };
}

/** Whether the spec has a Deny or an Ask that must be enforced. */
export function mustAsk({ permissions }: AgentSpec): boolean {
  if (permissions === undefined || permissions.unenforced === 'Accept') return false;
  return (
    permissions.default !== 'Allow' || permissions.rules?.some(({ action }) => action !== 'Allow') === true
  );
}

/**
 * An image without a runtimeRef resolves to any Runtime for containers. Every other spec resolves to a Runtime by name.
 */
const runtimeMissing = ({ spec }: Agent, name: string): string =>
  spec.runtimeRef === undefined && spec.template.image !== undefined
    ? 'There is no Runtime for containers, and spec.template.image requires one. Create a Runtime with driver docker and the endpoint of your container engine. See agentctl explain runtime.spec.'
    : `The Runtime ${name} does not exist. Create it, or change spec.runtimeRef. List all Runtimes with agentctl get runtimes.`;

/** Validation refuses these faults. A schedule from an older version may still be stored. */
function scheduleFault(schedule: Scheduled): string | undefined {
  let known = checked.get(schedule);
  if (known === undefined) {
    known = { fault: check(schedule) };
    checked.set(schedule, known);
  }
  return known.fault;
}

function check({ cron, timezone }: Scheduled): string | undefined {
  if (cron === undefined) return undefined;
  const fault = cronFault(cron);
  if (fault !== undefined) return `scheduledRestart.cron is ${JSON.stringify(cron)}: write ${fault}.`;
  if (isTimezone(timezone)) return undefined;
  return `scheduledRestart.timezone is ${JSON.stringify(timezone)}, which is not a time zone, such as Europe/Berlin.`;
}

const required = new WeakMap<AgentSpec, readonly Reference[]>();

function requiredBy(spec: AgentSpec): readonly Reference[] {
  let known = required.get(spec);
  if (known === undefined) {
    known = references(spec.template).filter(({ optional }) => !optional);
    required.set(spec, known);
  }
  return known;
}

/** Returns the required Secrets, ConfigMaps and keys that are missing, each with the command that creates it. */
export function missingInputs(world: World): Refusal | undefined {
  const needed = requiredBy(world.agent.spec);
  if (needed.length === 0) return undefined;
  const { namespace = 'default' } = world.agent.metadata;
  const texts = new Map<string, string>();
  let reason: string | undefined;
  for (const { kind, name, key } of needed) {
    const object = `${kind}/${name}`;
    const gone = world.inputs[object] === null;
    if (!gone && (key === undefined || world.inputs[`${object}#${key}`] !== null)) continue;
    reason ??= kind === 'Secret' ? 'SecretMissing' : 'ConfigMapMissing';
    const what = gone ? `The ${kind} ${name} does not exist.` : `The ${kind} ${name} has no key ${key}.`;
    if (!texts.has(what)) texts.set(what, `${what} ${remedy(kind, name, key, namespace, gone)}`);
  }
  return reason === undefined ? undefined : { reason, message: [...texts.values()].join(' ') };
}

function remedy(
  kind: string,
  name: string,
  key: string | undefined,
  namespace: string,
  gone: boolean,
): string {
  const flag = namespace === 'default' ? '' : ` -n ${namespace}`;
  const pair = `${key ?? 'KEY'}=...`;
  if (kind === 'ConfigMap') return gone ? `Create it.` : `Add it: agentctl edit configmap ${name}${flag}.`;
  return gone
    ? `Create it: agentctl create secret generic ${name}${flag} --from-literal=${pair}`
    : `Add it: agentctl patch secret ${name}${flag} -p '{"stringData":{"${key}":"..."}}'`;
}
