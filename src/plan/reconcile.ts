import { agentLabel, finalizer, instanceFinalizer, ordinalLabel } from '../api/annotations.ts';
import type { Instance, InstanceStatus, New } from '../api/objects.ts';
import type { Action, FieldDrift, Plan, PlannedEvent, Verdict, Want } from './action.ts';
import { applyAcceptance } from './conditions.ts';
import { type Context, contextOf } from './context.ts';
import { decide, desireOf, type Part, type Turnover } from './decide.ts';
import { draftOf, type InstanceDraft } from './draft.ts';
import { applyExit } from './exits.ts';
import { identify } from './identify.ts';
import { markOutdated } from './outdated.ts';
import { followProgress } from './progress.ts';
import { called, promptsOf } from './prompts.ts';
import { applyReadiness } from './ready.ts';
import { applyResume } from './restart.ts';
import { deleteRevision, ownerOf, pruneRevisions } from './revision.ts';
import { agentStatus, instanceConditions, refusalEvents, same } from './status.ts';
import type { Instant } from './times.ts';
import type { InstanceView, World } from './world.ts';

/**
 * Decides what to do next for one Agent. Pure: the same World gives the same Plan, and `world.now` is the only clock.
 */
export function reconcile(world: World): Plan {
  const context = contextOf(world);
  const parts = partsOf(context);
  const turnover = turnoverOf(context, parts);
  // The highest ordinal is updated first, as in a StatefulSet.
  for (let at = parts.length - 1; at >= 0; at--) {
    const part = parts[at];
    if (part !== undefined) decide(part.draft, part.desire, turnover);
  }
  return planOf(context, parts);
}

/** Returns what has happened to each Instance, and its desired state. */
export function partsOf(context: Context): Part[] {
  const drafts = context.world.instances.map((view) => draftInstance(context, view));
  const awake = called(context, drafts);
  return drafts.map((draft) => ({ draft, desire: desireOf(draft, awake) }));
}

/** Applies what has happened to one Instance since its status was written. */
function draftInstance(context: Context, view: InstanceView): InstanceDraft {
  const draft = draftOf(context, view);
  applyResume(draft);
  identify(draft);
  applyExit(draft);
  markOutdated(draft);
  applyReadiness(draft);
  applyAcceptance(draft);
  return draft;
}

function turnoverOf({ settings }: Context, parts: readonly Part[]): Turnover {
  const down = parts.filter(
    ({ draft, desire }) =>
      desire.is === 'Running' &&
      (!draft.ready || draft.next.stop !== undefined) &&
      draft.next.phase !== 'Completed',
  ).length;
  return { left: settings.update.maxUnavailable - down };
}

function planOf(context: Context, parts: readonly Part[]): Plan {
  const actions: Action[] = agentActions(context);
  const verdicts: Verdict[] = [];
  const instances = new Map<string, InstanceStatus>();
  const events: PlannedEvent[] = [];
  const wants: Want[] = [];
  let wakeAt: Instant | undefined;
  for (const { draft } of parts) {
    const { next, name } = draft;
    const generation = context.world.agent.metadata.generation;
    if (generation !== undefined) next.observedGeneration = generation;
    instanceConditions(draft);
    instances.set(name, same(draft.old, next) ? draft.old : next);
    const { phase = 'Pending', reason = 'Created', message = '' } = next;
    verdicts.push({ instance: name, phase, reason, message });
    actions.push(...draft.actions);
    events.push(...draft.events);
    if (draft.want !== undefined) wants.push(draft.want);
    if (draft.wakeAt !== undefined && (wakeAt === undefined || draft.wakeAt < wakeAt)) wakeAt = draft.wakeAt;
  }
  for (const action of actions)
    if (action.type === 'CreateInstance') verdicts.push(createdVerdict(action.name));
  actions.push(...releaseActions(context, actions));
  const prompts = promptsOf(context, parts);
  actions.push(...prompts.actions);
  const status = agentStatus(context, parts, actions, prompts.next);
  const { deadline, revert } = followProgress(context, parts, status);
  if (revert !== undefined) actions.push(revert);
  events.push(...refusalEvents(context));
  for (const at of [deadline, prompts.wakeAt, context.gate?.until])
    if (at !== undefined && (wakeAt === undefined || at < wakeAt)) wakeAt = at;
  const plan: Plan = { actions, verdicts, instances, status, events, drift: driftOf(context, parts), wants };
  if (wakeAt !== undefined) plan.wakeAt = wakeAt;
  return plan;
}

function driftOf(context: Context, parts: readonly Part[]): readonly FieldDrift[] {
  const fields = new Map<string, FieldDrift>();
  for (const { draft } of parts)
    for (const field of draft.outdated?.fields ?? none) fields.set(field.field, field);
  for (const field of context.revision.fields) fields.set(field.field, field);
  return fields.size === 0 ? none : [...fields.values()];
}

const none: readonly FieldDrift[] = [];

/** Returns the actions on the Agent itself: its finalizer, its Revisions, and its missing Instances. */
function agentActions(context: Context): Action[] {
  const { agent } = context.world;
  const held = agent.metadata.finalizers?.includes(finalizer) === true;
  if (context.deleting) return [];
  const actions: Action[] = [];
  if (!held)
    actions.push({
      type: 'Adopt',
      id: 'Adopt',
      after: [],
      cause: 'Adopted',
      message: `Its deletion will wait until its instances are gone.`,
    });
  if (context.revision.create !== undefined) actions.push(context.revision.create);
  if (context.refusal === undefined) actions.push(...missingInstances(context, held ? [] : ['Adopt']));
  const keep = agent.status?.currentRevision;
  actions.push(...pruneRevisions(context.world, keep));
  return actions;
}

function missingInstances(context: Context, after: readonly string[]): Action[] {
  const { world, runtime } = context;
  if (runtime === undefined) return [];
  const { instances } = world;
  const { replicas } = world.agent.spec;
  if (instances.length === replicas && instances.every(({ object }, at) => object.spec.ordinal === at))
    return [];
  const there = new Set(instances.map(({ object }) => object.spec.ordinal));
  const actions: Action[] = [];
  for (let ordinal = 0; ordinal < replicas; ordinal++) {
    if (there.has(ordinal)) continue;
    const name = `${world.agent.metadata.name}-${ordinal}`;
    actions.push({
      type: 'CreateInstance',
      id: `CreateInstance/${name}`,
      after,
      cause: 'Created',
      message: `spec.replicas is ${replicas}.`,
      name,
      instance: newInstance(context, name, ordinal, runtime),
    });
  }
  return actions;
}

function newInstance(context: Context, name: string, ordinal: number, runtime: string): New<Instance> {
  const { metadata } = context.world.agent;
  return {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Instance',
    metadata: {
      name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      labels: { [agentLabel]: metadata.name, [ordinalLabel]: String(ordinal) },
      ownerReferences: [ownerOf(context.world)],
      finalizers: [instanceFinalizer],
    },
    spec: { agentName: metadata.name, agentUID: metadata.uid, ordinal, runtimeRef: { name: runtime } },
  };
}

const createdVerdict = (name: string): Verdict => ({
  instance: name,
  phase: 'Pending',
  reason: 'Created',
  message: 'The Instance is being created.',
});

/** When this plan deletes the last Instances, returns the actions that delete the Revisions and our finalizer. */
function releaseActions(context: Context, actions: readonly Action[]): Action[] {
  const { world } = context;
  if (!context.deleting || world.agent.metadata.finalizers?.includes(finalizer) !== true) return [];
  const deletions = actions.filter(({ type }) => type === 'DeleteInstance').map(({ id }) => id);
  if (deletions.length < world.instances.length) return [];
  const revisions = world.revisions.map(({ metadata }) =>
    deleteRevision(metadata.name, 'Its Agent is being deleted.', deletions),
  );
  const message = 'All its instances are deleted.';
  const after = [...deletions, ...revisions.map(({ id }) => id)];
  return [...revisions, { type: 'Release', id: 'Release', after, cause: 'Deleted', message }];
}
