import { cronFault, isTimezone } from '../api/cron.ts';
import { listed } from '../api/listed.ts';
import type { Agent, AgentSpec, PolicySpec } from '../api/objects.ts';
import type { World } from './world.ts';

/** Why something cannot be, and what to do about it. */
export interface Refusal {
  reason: string;
  message: string;
}

type Scheduled = NonNullable<PolicySpec['scheduledRestart']>;
const checked = new WeakMap<Scheduled, { fault: string | undefined }>();

/** Why the spec cannot be carried out at all. Nothing is started then, and nothing is stopped for it. */
export function refusal(world: World): Refusal | undefined {
  const { agent, policy, runtime, unsupported } = world;
  const { namespace = 'default' } = agent.metadata;
  if ('missing' in policy)
    return {
      reason: 'PolicyMissing',
      message: `There is no Policy ${policy.missing} in the namespace ${namespace}. Apply one, or change spec.policyRef.`,
    };
  if ('missing' in runtime)
    return { reason: 'RuntimeMissing', message: runtimeMissing(agent, runtime.missing) };
  const { allowedNamespaces } = runtime.object.spec;
  const name = runtime.object.metadata.name;
  if (allowedNamespaces !== undefined && !allowedNamespaces.includes(namespace))
    return {
      reason: 'NamespaceNotAllowed',
      message: `The Runtime ${name} takes no Agents of the namespace ${namespace}: add it to the Runtime's spec.allowedNamespaces, or choose another Runtime.`,
    };
  if (unsupported.length > 0)
    return {
      reason: 'UnsupportedByRuntime',
      message: `The Runtime ${name} cannot honour ${listed(unsupported, { separator: '; ' })}. Change these fields, or choose another Runtime.`,
    };
  const { protocol } = agent.spec;
  if (protocol !== 'acp' && mustAsk(agent.spec))
    return {
      reason: 'PermissionsNotEnforceable',
      message: `An agent with protocol ${protocol} uses tools without asking, so no Deny and no Ask of spec.permissions can be enforced. Use protocol acp, allow every tool, or run it all the same with spec.permissions.unenforced: Accept.`,
    };
  const schedule = policy.scheduledRestart;
  const fault = schedule === undefined ? undefined : scheduleFault(schedule);
  return fault === undefined ? undefined : { reason: 'InvalidSchedule', message: fault };
}

/** Whether the agent must be held to a Deny or an Ask. */
export function mustAsk({ permissions }: AgentSpec): boolean {
  if (permissions === undefined || permissions.unenforced === 'Accept') return false;
  return (
    permissions.default !== 'Allow' || permissions.rules?.some(({ action }) => action !== 'Allow') === true
  );
}

/** An image without a runtimeRef asks for any Runtime of containers; the others are asked for by name. */
const runtimeMissing = ({ spec }: Agent, name: string): string =>
  spec.runtimeRef === undefined && spec.template.image !== undefined
    ? "There is no Runtime for containers, and spec.template.image needs one. Apply a Runtime whose driver is docker and whose endpoint is the engine's socket: agentctl explain runtime.spec."
    : `There is no Runtime ${name}. Apply one, or change spec.runtimeRef; agentctl get runtimes lists them.`;

/** Validation refuses these; a schedule of an older version may still be stored. */
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
  return `scheduledRestart.timezone is ${JSON.stringify(timezone)}, which is no time zone: write one as Europe/Berlin.`;
}
