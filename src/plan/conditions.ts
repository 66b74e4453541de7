import type { AgentSpec, Condition } from '../api/objects.ts';
import { protocolCapabilitiesOf } from '../api/protocols.ts';
import { asSentence, command, sentence, visible } from '../api/text.ts';
import { mustAsk } from './accept.ts';
import { emitEvent, type InstanceDraft, speaks, talkOf } from './draft.ts';
import { clearFailures } from './restart.ts';
import { notEnforced } from './stop.ts';
import type { ControlName } from './world.ts';

/** The new state of a condition. lastTransitionTime changes only if `status` changes. */
export interface Finding {
  type: string;
  status: Condition['status'];
  reason: string;
  message: string;
}

/** Merges the findings into the conditions. Returns the same list with the same entries if nothing changed. */
export function withConditions(
  stored: Condition[] | undefined,
  findings: readonly Finding[],
  generation: number | undefined,
  now: () => string,
): Condition[] {
  const before = stored ?? [];
  let changed = before.length !== findings.length;
  const after = findings.map((finding, at) => {
    const message = visible(asSentence(finding.message)); // it may quote an agent, and kubectl prints it unfiltered
    const known =
      before[at]?.type === finding.type ? before[at] : before.find(({ type }) => type === finding.type);
    if (
      known !== undefined &&
      known.status === finding.status &&
      known.reason === finding.reason &&
      known.message === message &&
      known.observedGeneration === generation
    ) {
      if (known !== before[at]) changed = true;
      return known;
    }
    changed = true;
    const moved = known === undefined || known.status !== finding.status;
    return {
      type: finding.type,
      status: finding.status,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      lastTransitionTime: moved ? now() : known.lastTransitionTime,
      reason: finding.reason,
      message,
    };
  });
  return changed || stored === undefined ? after : stored;
}

const names: readonly ControlName[] = [
  'PermissionsEnforced',
  'SystemPromptApplied',
  'ModelApplied',
  'SessionModeApplied',
  'SessionOptionsApplied',
  'FleetAccessible',
  'WithinQuota',
  'LoggedIn',
];

/** Whether the spec uses what the control is about. */
function asked(spec: AgentSpec, name: ControlName): boolean {
  switch (name) {
    case 'PermissionsEnforced':
      return spec.permissions !== undefined;
    case 'SystemPromptApplied':
      return spec.systemPrompt !== undefined;
    case 'ModelApplied':
      return spec.model !== undefined;
    case 'SessionModeApplied':
      return spec.session?.mode !== undefined;
    case 'SessionOptionsApplied':
      return spec.session?.options !== undefined;
    case 'FleetAccessible':
      return spec.fleetAccess !== 'None' && protocolCapabilitiesOf(spec)?.offersTools === true;
    case 'WithinQuota':
    case 'LoggedIn':
      return true;
  }
}

/**
 * Returns why the run must stop: the agent uses tools without asking, but the spec must be enforced. Undefined if not
 * so.
 */
export function unenforced(draft: InstanceDraft): string | undefined {
  const control = talkOf(draft)?.controls.PermissionsEnforced;
  const { agent } = draft.context.world;
  if (control?.status !== 'False' || !mustAsk(agent.spec)) return undefined;
  return (
    `Its permissions cannot be enforced: ${sentence(control.message)} ` +
    `Set spec.permissions.unenforced: Accept, or configure the agent to ask, then run ${command(agent, `resume ${agent.metadata.name}`)}.`
  );
}

/**
 * Clears the give-up when the spec accepts unenforced permissions or has nothing to enforce. The field can change live.
 */
export function applyAcceptance(draft: InstanceDraft) {
  const { next, context } = draft;
  if (next.phase !== 'Failed' || next.reason !== notEnforced) return;
  if (!mustAsk(context.world.agent.spec) && clearFailures(draft))
    emitEvent(draft, 'Normal', 'Resumed', 'Its permissions no longer need to be enforced.');
}

/** Adds a condition for each control that the agent has reported. Until it reports one, the stored condition stays. */
export function addControls(draft: InstanceDraft, findings: Finding[]) {
  const { spec } = draft.context.world.agent;
  if (!speaks(spec)) return;
  const talk = talkOf(draft);
  for (const type of names) {
    if (!asked(spec, type)) continue;
    const reported = talk?.controls[type];
    if (reported !== undefined)
      findings.push({ type, status: reported.status, reason: reported.reason, message: reported.message });
    else if (talk?.state !== 'Ready') hold(draft.next.conditions, type, findings);
  }
}

function hold(stored: Condition[] | undefined, type: ControlName, findings: Finding[]) {
  const known = stored?.find((one) => one.type === type);
  if (known !== undefined) findings.push({ ...known });
}

const severity = { False: 2, Unknown: 1, True: 0 } as const;

/** Adds each control to an Agent's findings, with the worst status that any of its Instances has. */
export function addWorst(drafts: readonly InstanceDraft[], spec: AgentSpec, findings: Finding[]) {
  if (!speaks(spec)) return;
  for (const type of names) {
    let worst: Finding | undefined;
    for (const { name, next } of drafts) {
      const one = next.conditions?.find((condition) => condition.type === type);
      if (one === undefined) continue;
      if (worst !== undefined && severity[one.status] <= severity[worst.status]) continue;
      const message = one.status === 'True' ? one.message : `${name}: ${one.message}`;
      worst = { type, status: one.status, reason: one.reason, message };
    }
    if (worst !== undefined) findings.push(worst);
  }
}
