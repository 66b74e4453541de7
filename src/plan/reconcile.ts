import type { InstanceStatus } from '../api/objects.ts';
import type { Action, FieldDrift, Plan, PlannedEvent, Verdict, Want } from './action.ts';
import { agentActions, createdVerdict, releaseActions } from './agent.ts';
import { type Context, contextOf } from './context.ts';
import { takeAcceptance } from './controls.ts';
import { decide, desireOf, type Turnover } from './decide.ts';
import { takeEnd } from './exits.ts';
import { identify } from './identify.ts';
import { takeOutdated } from './outdated.ts';
import type { Part } from './part.ts';
import { followProgress } from './progress.ts';
import { promptsOf } from './prompts.ts';
import { takeReadiness } from './ready.ts';
import { takeResume } from './restart.ts';
import { same } from './same.ts';
import { agentStatus, instanceConditions, refusalEvents } from './status.ts';
import { type Turn, turnOf } from './turn.ts';
import { called } from './wake.ts';
import type { InstanceView, Instant, World } from './world.ts';

/**
 * Decides what to do next for one Agent, from all that is known of it. Pure: the same World gives the same Plan, and
 * `world.now` is the only clock.
 */
export function reconcile(world: World): Plan {
  const context = contextOf(world);
  const parts = partsOf(context);
  const turnover = turnoverOf(context, parts);
  // The highest ordinal is updated first, as a StatefulSet does it.
  for (let at = parts.length - 1; at >= 0; at--) {
    const part = parts[at];
    if (part !== undefined) decide(part.turn, part.desire, turnover);
  }
  return planOf(context, parts);
}

/** What has happened to each Instance, and what should become of it. */
export function partsOf(context: Context): Part[] {
  const turns = context.world.instances.map((view) => takeIn(context, view));
  const awake = called(context, turns);
  return turns.map((turn) => ({ turn, desire: desireOf(turn, awake) }));
}

/** What has happened to one Instance since its status was written. */
function takeIn(context: Context, view: InstanceView): Turn {
  const turn = turnOf(context, view);
  takeResume(turn);
  identify(turn);
  takeEnd(turn);
  takeOutdated(turn);
  takeReadiness(turn);
  takeAcceptance(turn);
  return turn;
}

function turnoverOf({ settings }: Context, parts: readonly Part[]): Turnover {
  const down = parts.filter(
    ({ turn, desire }) =>
      desire.is === 'Running' &&
      (!turn.ready || turn.next.stop !== undefined) &&
      turn.next.phase !== 'Completed',
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
  for (const { turn } of parts) {
    const { next, name } = turn;
    const generation = context.world.agent.metadata.generation;
    if (generation !== undefined) next.observedGeneration = generation;
    instanceConditions(turn);
    instances.set(name, same(turn.old, next) ? turn.old : next);
    const { phase = 'Pending', reason = 'Created', message = '' } = next;
    verdicts.push({ instance: name, phase, reason, message });
    actions.push(...turn.actions);
    events.push(...turn.events);
    if (turn.want !== undefined) wants.push(turn.want);
    if (turn.wakeAt !== undefined && (wakeAt === undefined || turn.wakeAt < wakeAt)) wakeAt = turn.wakeAt;
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
  for (const at of [deadline, prompts.wakeAt])
    if (at !== undefined && (wakeAt === undefined || at < wakeAt)) wakeAt = at;
  const plan: Plan = { actions, verdicts, instances, status, events, drift: driftOf(context, parts), wants };
  if (wakeAt !== undefined) plan.wakeAt = wakeAt;
  return plan;
}

function driftOf(context: Context, parts: readonly Part[]): readonly FieldDrift[] {
  const fields = new Map<string, FieldDrift>();
  for (const { turn } of parts)
    for (const field of turn.outdated?.fields ?? none) fields.set(field.field, field);
  for (const field of context.revision.fields) fields.set(field.field, field);
  return fields.size === 0 ? none : [...fields.values()];
}

const none: readonly FieldDrift[] = [];
