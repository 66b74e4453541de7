import { agentLabel } from '../api/annotations.ts';
import type { AgentStatus } from '../api/objects.ts';
import { listed, visible } from '../api/text.ts';
import type { Action, PlannedEvent } from './action.ts';
import { addControls, addWorst, type Finding, withConditions } from './conditions.ts';
import type { Context } from './context.ts';
import type { Part } from './decide.ts';
import { alive, type InstanceDraft } from './draft.ts';
import { failedRollout, progress } from './progress.ts';
import { nextStep, type Step } from './schedule.ts';
import { timeText } from './times.ts';

/** The order of phases by importance. An Agent shows the first of them that one of its Instances has. */
const attention = [
  'Failed',
  'Unknown',
  'BackOff',
  'Pending',
  'Unready',
  'Stopping',
  'Starting',
  'Asleep',
  'Stopped',
  'Completed',
  'Ready',
] as const;

/** Returns the Agent's status. All of it follows from its Instances. */
export function agentStatus(
  context: Context,
  parts: readonly Part[],
  actions: readonly Action[],
  prompt: Step | undefined,
): AgentStatus {
  const { agent } = context.world;
  const old: AgentStatus = agent.status ?? {};
  const { metadata, spec } = agent;
  const wanted = parts.filter(({ desire }) => desire.is !== 'Removed');
  const ready = wanted.filter(({ draft }) => isReady(draft)).length;
  const updated = wanted.filter(({ draft }) => isUpdated(draft)).length;
  const progressing = progress(context, wanted, actions);
  const next: AgentStatus = {
    replicas: parts.length,
    readyReplicas: ready,
    updatedReplicas: updated,
    restartCount: parts.reduce((sum, { draft }) => sum + (draft.next.restartCount ?? 0), 0),
    ...headline(context, parts, ready, progressing),
    updateRevision: context.revision.name,
    selector: `${agentLabel}=${metadata.name}`,
  };
  if (metadata.generation !== undefined) next.observedGeneration = metadata.generation;
  const allReady = wanted.length > 0 && wanted.length === spec.replicas && ready === wanted.length;
  const current = allReady && updated === wanted.length ? context.revision.current?.metadata.name : undefined;
  const kept = current ?? old.currentRevision;
  if (kept !== undefined) next.currentRevision = kept;
  if (context.runtime !== undefined) next.runtime = context.runtime;
  const queue = bestPlace(parts);
  if (queue !== undefined) next.queue = queue;
  const drafts = parts.map(({ draft }) => draft);
  const step = nextStep(drafts, prompt);
  if (step !== undefined) {
    next.nextAction = step.action;
    next.nextAt = timeText(step.at);
  }
  const findings = [
    accepted(context),
    progressing,
    readiness(context, wanted, ready),
    drifted(wanted),
    ...abnormal(context, progressing, first(wanted)),
  ];
  addWorst(drafts, spec, findings);
  next.conditions = withConditions(old.conditions, findings, metadata.generation, () =>
    timeText(context.world.now),
  );
  return same(old, next) ? old : next;
}

const isReady = ({ next }: InstanceDraft): boolean => next.phase === 'Ready';

/** Whether its newest run has, or had, the current spec. */
const isUpdated = ({ next, outdated }: InstanceDraft): boolean =>
  next.run !== undefined && (outdated === undefined || outdated.cause === 'RolloutRestart');

function headline(
  context: Context,
  parts: readonly Part[],
  ready: number,
  progressing: Finding,
): Pick<AgentStatus, 'phase' | 'reason' | 'message'> {
  const { refusal, deleting, world } = context;
  if (deleting)
    return {
      phase: 'Stopping',
      reason: 'Deleted',
      message: first(parts)?.next.message ?? 'It is being deleted.',
    };
  const draft = first(parts);
  if (refusal !== undefined)
    return { phase: draft?.next.phase ?? 'Pending', reason: refusal.reason, message: refusal.message };
  if (draft === undefined)
    return world.agent.spec.replicas === 0
      ? { phase: 'Stopped', reason: 'NoReplicas', message: 'spec.replicas is 0.' }
      : { phase: 'Pending', reason: 'Created', message: 'Its instances are being created.' };
  const { phase = 'Pending', reason = 'Created', message = '' } = draft.next;
  if (ready > 0 && progressing.reason === 'Updating' && (phase === 'Stopping' || phase === 'Starting'))
    return {
      phase: 'Updating',
      reason: 'Updating',
      message: `${progressing.message} ${draft.name}: ${message}`,
    };
  return { phase, reason, message };
}

function first(parts: readonly Part[]): InstanceDraft | undefined {
  let found: InstanceDraft | undefined;
  let best: number = attention.length;
  for (const { draft } of parts) {
    const rank = attention.indexOf(draft.next.phase ?? 'Pending');
    if (rank < best) {
      found = draft;
      best = rank;
    }
  }
  return found;
}

function bestPlace(parts: readonly Part[]): string | undefined {
  let best: number | undefined;
  for (const { draft } of parts) {
    const place = draft.next.queue?.position;
    if (place !== undefined && (best === undefined || place < best)) best = place;
  }
  return best === undefined ? undefined : String(best);
}

function accepted({ refusal }: Context): Finding {
  if (refusal !== undefined) return { type: 'Accepted', status: 'False', ...refusal };
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'The spec is valid.' };
}

/** Events about a spec that is refused. Emitted once, together with the condition that says so. */
export function refusalEvents({ refusal, world, deleting }: Context): PlannedEvent[] {
  if (refusal === undefined || deleting) return [];
  const known = world.agent.status?.conditions?.find(({ type }) => type === 'Accepted');
  const isKnown = known?.reason === refusal.reason && known.message === visible(refusal.message);
  return isKnown ? [] : [{ type: 'Warning', ...refusal }];
}

/** The Ready condition. An instance that sleeps until a message comes is as it should be. */
function readiness(context: Context, wanted: readonly Part[], ready: number): Finding {
  const { replicas, suspend } = context.world.agent.spec;
  const { refusal } = context;
  const type = 'Ready';
  const all = wanted.length === replicas && !context.deleting;
  if (all && ready === replicas)
    return { type, status: 'True', reason: 'Ready', message: `${ready} of ${replicas} instances are Ready.` };
  const asleep = wanted.filter(({ draft }) => draft.next.phase === 'Asleep').length;
  if (all && ready + asleep === replicas && refusal === undefined) {
    const message = `${ready} of ${replicas} instances are Ready, and ${asleep} ${asleep === 1 ? 'sleeps' : 'sleep'} until a message arrives.`;
    return { type, status: 'True', reason: 'Asleep', message };
  }
  const draft = first(wanted);
  const unknown = draft?.next.phase === 'Unknown';
  const reason = suspend ? 'Suspended' : (draft?.next.reason ?? refusal?.reason ?? 'Created');
  const refused = refusal === undefined ? '' : ` ${refusal.message}`;
  const detail = draft?.next.message === undefined ? refused : ` ${draft.name}: ${draft.next.message}`;
  return {
    type,
    status: unknown ? 'Unknown' : 'False',
    reason,
    message: `${ready} of ${replicas} instances are Ready.${detail}`,
  };
}

/**
 * The conditions that kstatus (Flux, Argo CD) reads before Ready. Absent in the normal case.
 * - Stalled: it does not continue by itself.
 * - Reconciling: it is on its way.
 */
function abnormal(context: Context, progressing: Finding, worst: InstanceDraft | undefined): Finding[] {
  const { refusal } = context;
  const stalled = (reason: string, message: string): Finding[] => [
    { type: 'Stalled', status: 'True', reason, message },
  ];
  if (refusal !== undefined && !comesWithAnother.has(refusal.reason))
    return stalled(refusal.reason, refusal.message);
  const failed = failedRollout(context, progressing);
  if (failed.length > 0) return failed;
  if (worst?.next.phase === 'Failed')
    return stalled(worst.next.reason ?? 'Failed', `${worst.name}: ${worst.next.message ?? 'It has failed.'}`);
  if (refusal !== undefined) return [{ type: 'Reconciling', status: 'True', ...refusal }];
  return progressing.status === 'True' ? [{ ...progressing, type: 'Reconciling' }] : [];
}

/** Refusals that end by themselves when another object is created. */
const comesWithAnother: ReadonlySet<string> = new Set(['PolicyMissing', 'RuntimeMissing']);

function drifted(wanted: readonly Part[]): Finding {
  const type = 'Drifted';
  const up = wanted.filter(({ draft }) => alive(draft));
  const outdated = up.filter(({ draft }) => draft.outdated !== undefined);
  const draft = outdated[0]?.draft;
  const stale = up.filter(({ draft }) => draft.stale !== undefined);
  const [first] = stale;
  if (draft?.outdated === undefined && first?.draft.stale !== undefined)
    return {
      type,
      status: 'True',
      reason: 'SecretChanged',
      message: `${listed(stale.map(({ draft }) => draft.name))}: ${first.draft.stale}`,
    };
  if (draft?.outdated === undefined)
    return { type, status: 'False', reason: 'InSync', message: 'All instances run the current spec.' };
  const names = listed(outdated.map(({ draft }) => draft.name));
  return {
    type,
    status: 'True',
    reason: draft.outdated.cause,
    message: `${names}: ${draft.outdated.message}`,
  };
}

export function instanceConditions(draft: InstanceDraft): void {
  const { next, now, context } = draft;
  const { phase = 'Pending', reason = 'Created', message = '' } = next;
  const condition = next.conditions?.find(({ type }) => type === 'Ready');
  const ready: Finding =
    phase === 'Ready'
      ? { type: 'Ready', status: 'True', reason: 'Ready', message }
      : phase === 'Unknown'
        ? { type: 'Ready', status: 'Unknown', reason: condition?.reason ?? reason, message }
        : { type: 'Ready', status: 'False', reason: phase === 'Unready' ? 'Unready' : reason, message };
  const { outdated, stale } = draft;
  const drifts: Finding =
    alive(draft) && outdated !== undefined
      ? { type: 'Drifted', status: 'True', reason: outdated.cause, message: outdated.message }
      : alive(draft) && stale !== undefined
        ? { type: 'Drifted', status: 'True', reason: 'SecretChanged', message: stale }
        : { type: 'Drifted', status: 'False', reason: 'InSync', message: 'It runs the current spec.' };
  const findings = [ready, drifts];
  addControls(draft, findings);
  next.conditions = withConditions(next.conditions, findings, context.world.agent.metadata.generation, () =>
    timeText(now),
  );
}

/** Whether two JSON values are equal; absent equals undefined. It must be fast: each plan compares each status. */
export function same(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const left = one as Record<string, unknown>; // both objects and arrays are read by their keys
  const right = other as Record<string, unknown>;
  for (const key in left) if (left[key] !== right[key] && !same(left[key], right[key])) return false;
  for (const key in right) if (right[key] !== undefined && left[key] === undefined) return false;
  return true;
}
