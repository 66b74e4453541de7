import { resumeAnnotation, revertedAnnotation } from '../api/annotations.ts';
import type { Agent, AgentStatus } from '../api/objects.ts';
import { command } from '../api/text.ts';
import { formatDuration } from '../api/time.ts';
import type { Action } from './action.ts';
import type { Finding } from './conditions.ts';
import type { Context } from './context.ts';
import type { Part } from './decide.ts';
import { alive, type InstanceDraft } from './draft.ts';
import { mayUpdate } from './outdated.ts';
import type { RevisionData } from './revision.ts';
import { type Instant, instant, timeText } from './times.ts';

const type = 'Progressing';
const exceededReason = 'ProgressDeadlineExceeded';
const revertedReason = 'Reverted';
/** A creationTimestamp has whole seconds: the object may have been created at the end of that second. */
const withinSecond = 999;

/** The Progressing condition: a change is under way, waits its turn, or exceeded Policy.update.progressDeadline. */
export function progress(context: Context, wanted: readonly Part[], actions: readonly Action[]): Finding {
  const { world, refusal, revision } = context;
  const { replicas } = world.agent.spec;
  if (context.deleting) return { type, status: 'True', reason: 'Deleting', message: 'It is being deleted.' };
  if (refusal !== undefined)
    return {
      type,
      status: 'False',
      reason: refusal.reason,
      message: 'Nothing is started. See the condition Accepted.',
    };
  const drafts = wanted.map(({ draft }) => draft);
  const coming = wanted.filter(({ desire, draft }) => desire.is === 'Running' && moving(draft)).length;
  const held = drafts.find(heldUp);
  // A running instance that may sleep is where it should be until its keepalive has passed.
  const going = wanted.filter(
    ({ desire, draft }) =>
      alive(draft) && desire.is !== 'Running' && (desire.is !== 'Asleep' || draft.next.stop !== undefined),
  ).length;
  const waiting = drafts.find(
    (draft) => alive(draft) && draft.next.stop === undefined && draft.outdated !== undefined,
  );
  const scaling = wanted.length < replicas || world.instances.length > wanted.length;
  if (coming === 0 && going === 0 && !scaling) {
    if (held !== undefined) {
      const { reason = 'Queued', message = '' } = held.next;
      return { type, status: 'False', reason, message: `${held.name}: ${message}` };
    }
    if (waiting === undefined) {
      const failed = revertedRevision(world.agent, revision.name);
      return failed === undefined
        ? { type, status: 'False', reason: 'Complete', message: 'All instances are up to date.' }
        : { type, status: 'False', reason: revertedReason, message: revertedMessage(context, failed) };
    }
    const { waits } = mayUpdate(waiting);
    const message = `${waiting.name} is outdated. ${waits === '' ? 'It is next' : waits}.`;
    return { type, status: 'False', reason: 'AwaitingTurn', message };
  }
  if (deadlinePassed(context, drafts, coming))
    return {
      type,
      status: 'False',
      reason: exceededReason,
      message: exceededText(context),
    };
  // The last instance of a rollout is not outdated any more, but the rollout is complete only once it was Ready.
  const { currentRevision = revision.name } = world.agent.status ?? {};
  const updating =
    currentRevision !== revision.name ||
    actions.some(({ type }) => type === 'CreateRevision') ||
    drafts.some(({ outdated }) => outdated !== undefined);
  const reason = updating ? 'Updating' : scaling ? 'Scaling' : going > 0 ? 'Stopping' : 'Starting';
  const ready = wanted.filter(({ draft }) => draft.next.phase === 'Ready').length;
  return { type, status: 'True', reason, message: `${ready} of ${replicas} instances are Ready.` };
}

/** On its way to Ready: it is not there yet, its policy has not ended it, and nothing else holds it up. */
const moving = (draft: InstanceDraft): boolean =>
  draft.next.phase !== 'Ready' &&
  draft.next.phase !== 'Completed' &&
  draft.next.phase !== 'Failed' &&
  !heldUp(draft);

/**
 * Waits for its Runtime or a gate, which say nothing about the spec. A want that is not answered yet is not in the
 * queue.
 */
const heldUp = ({ next, context }: InstanceDraft): boolean =>
  next.queue !== undefined ||
  ((next.phase === 'Pending' || next.phase === 'Unknown') &&
    (next.reason === 'RuntimeOffline' ||
      next.reason === 'RuntimeSyncing' ||
      (context.gate !== undefined && next.reason === context.gate.reason)));

const revertedMessage = ({ settings, revision, world }: Context, failed: string): string =>
  `Revision ${failed} did not become Ready within ${formatDuration(settings.update.progressDeadline)}, so the Agent went back to the last Revision that was Ready: its spec is now ${revision.name}. Apply a corrected spec, or keep this one with ${command(world.agent, `resume ${world.agent.metadata.name}`)}.`;

/**
 * Reports a failed rollout as the condition Stalled, for tools that do not know Agents (kstatus). Empty if none failed.
 */
export function failedRollout(context: Context, { reason, message }: Finding): Finding[] {
  const failed = revertedRevision(context.world.agent, context.revision.name);
  if (failed !== undefined && !context.deleting)
    return [
      { type: 'Stalled', status: 'True', reason: revertedReason, message: revertedMessage(context, failed) },
    ];
  return reason === exceededReason ? [{ type: 'Stalled', status: 'True', reason, message }] : [];
}

const lateText = ({ settings, revision }: Context): string =>
  `Revision ${revision.name} did not become Ready within ${formatDuration(settings.update.progressDeadline)}.`;

function exceededText(context: Context): string {
  const { revision, world } = context;
  const { name } = world.agent.metadata;
  const text = lateText(context);
  return world.agent.status?.currentRevision === revision.name
    ? `${text} It was Ready before: check ${command(world.agent, `logs ${name}`)} and its dependencies.`
    : `${text} Go back with ${command(world.agent, `rollout undo agent/${name}`)}, or change the spec.`;
}

/** When the deadline of the change under way passes; undefined if there is none. */
function deadlineOf(context: Context, drafts: readonly InstanceDraft[]): Instant | undefined {
  const { agent, now } = context.world;
  const { current } = context.revision;
  const condition = agent.status?.conditions?.find((one) => one.type === type);
  if (condition === undefined) return undefined;
  const exceeded = condition.reason === exceededReason;
  if (condition.status !== 'True' && !exceeded) return undefined;
  let last = Math.max(
    exceeded ? 0 : (instant(condition.lastTransitionTime) ?? now),
    current === undefined ? now : (instant(current.metadata.creationTimestamp) ?? 0) + withinSecond,
  );
  for (const { next } of drafts) last = Math.max(last, instant(next.readySince) ?? 0);
  return Math.min(last, now) + context.settings.update.progressDeadline;
}

function deadlinePassed(context: Context, drafts: readonly InstanceDraft[], coming: number): boolean {
  if (coming === 0) return false;
  const deadline = deadlineOf(context, drafts);
  return deadline !== undefined && deadline <= context.world.now;
}

/**
 * Returns what follows from the Progressing condition: the deadline, and the action of autoRevert once it has passed.
 */
export function followProgress(
  context: Context,
  parts: readonly Part[],
  status: AgentStatus,
): { deadline: Instant | undefined; revert: Action | undefined } {
  const condition = status.conditions?.find((one) => one.type === type);
  if (condition?.reason === exceededReason) return { deadline: undefined, revert: revert(context) };
  if (condition?.status !== 'True' || context.deleting) return { deadline: undefined, revert: undefined };
  const { now, agent } = context.world;
  const known = agent.status?.conditions?.some((one) => one.type === type && one.status === 'True') === true;
  const drafts = parts.map(({ draft }) => draft);
  const deadline = known ? deadlineOf(context, drafts) : now + context.settings.update.progressDeadline;
  return { deadline: deadline !== undefined && deadline > now ? deadline : undefined, revert: undefined };
}

function revert(context: Context): Action | undefined {
  const { world, revisions, settings, revision } = context;
  const good = world.agent.status?.currentRevision;
  const recorded = good === undefined ? undefined : revisions.get(good);
  if (!settings.update.autoRevert || recorded === undefined || good === revision.name) return undefined;
  const { agent } = world;
  const { replicas, suspend, policy, policyRef, revisionHistoryLimit } = agent.spec;
  return {
    type: 'Revert',
    id: `Revert/${good}`,
    after: [],
    cause: 'Reverted',
    message: `${lateText(context)} The Agent goes back to the spec of ${good}, the last Revision that was Ready.`,
    annotations: {
      ...agent.metadata.annotations,
      [revertedAnnotation]: revertedText(revision.name, world.now),
    },
    revision: recorded.metadata.name,
    spec: {
      ...(recorded.data as unknown as RevisionData), // a Revision's data is the result of revisionData
      replicas,
      suspend,
      revisionHistoryLimit,
      ...(policy === undefined ? {} : { policy }),
      ...(policyRef === undefined ? {} : { policyRef }),
    },
  };
}

export const revertedText = (revision: string, at: Instant): string => `${revision} ${timeText(at)}`;

/**
 * Returns the Revision that autoRevert rolled back, if `newest` is the result of that. The rollout counts as failed
 * until the spec changes again or somebody runs `agentctl resume`.
 */
export function revertedRevision(agent: Agent, newest: string): string | undefined {
  const revision = taken(agent);
  return revision !== undefined && newest === `${agent.metadata.name}-${numberOf(revision) + 1}`
    ? revision
    : undefined;
}

/** Whether an Agent's spec is still the one that autoRevert wrote, by what its status has observed. */
export function isReverted(agent: Agent): boolean {
  const newest = agent.status?.updateRevision ?? '';
  return revertedRevision(agent, newest) !== undefined || taken(agent) === newest;
}

function taken({ metadata: { annotations, creationTimestamp } }: Agent): string | undefined {
  const [revision, time] = annotations?.[revertedAnnotation]?.split(' ') ?? [];
  const at = instant(time);
  if (at === undefined || at < (instant(creationTimestamp) ?? 0)) return undefined; // it came with an exported manifest
  const resumed = instant(annotations?.[resumeAnnotation]);
  return resumed !== undefined && resumed >= at ? undefined : revision;
}

const numberOf = (revision: string): number => Number(/-(\d+)$/.exec(revision)?.[1]);
