import { restartedAtAnnotation } from '../api/annotations.ts';
import { command, listed } from '../api/text.ts';
import type { FieldDrift } from './action.ts';
import { emitEvent, type InstanceDraft, type Outdated, wake } from './draft.ts';
import { changedInputs, drift, driftText, inputText } from './revision.ts';
import { type Instant, instant, shortTime, timeText } from './times.ts';

/** Finds why the newest run differs from the spec. If only live fields differ, the run moves to the newest Revision. */
export function markOutdated(draft: InstanceDraft): void {
  const { next, context } = draft;
  const { run } = next;
  if (run === undefined || context.deleting) return;
  draft.outdated =
    bySpec(draft, run.revision) ?? byInputs(draft, run.revision) ?? byImage(draft) ?? askedRestart(draft);
  draft.stale = draft.outdated === undefined ? staleInputs(draft) : undefined;
  const { current } = context.revision;
  const onlyLive = draft.outdated === undefined || draft.outdated.cause === 'RolloutRestart';
  if (onlyLive && current !== undefined && run.revision !== current.metadata.name)
    next.run = { ...run, revision: current.metadata.name };
}

function bySpec(draft: InstanceDraft, revision: string): Outdated | undefined {
  const { context, object } = draft;
  const moved = context.runtime !== undefined && context.runtime !== object.spec.runtimeRef.name;
  const fields: FieldDrift[] = moved
    ? [
        {
          field: 'spec.runtimeRef.name',
          before: object.spec.runtimeRef.name,
          after: context.runtime,
          update: 'restart',
        },
      ]
    : [];
  const { current } = context.revision;
  if (current?.metadata.name !== revision) {
    const recorded = context.revisions.get(revision);
    if (recorded === undefined)
      return {
        cause: 'SpecChanged',
        message: `Its Revision ${revision} is deleted, so the running spec cannot be compared.`,
        fields,
      };
    // The resolved Runtime is compared above: a runtimeRef that names the default Runtime changes nothing.
    for (const field of drift(context.world.agent.spec, recorded))
      if (field.update === 'restart' && !field.field.startsWith('spec.runtimeRef')) fields.push(field);
  }
  if (fields.length === 0) return undefined;
  return { cause: 'SpecChanged', message: listed(fields.map(driftText)), fields };
}

function byInputs({ context }: InstanceDraft, revision: string): Outdated | undefined {
  if (!context.settings.restartOn.includes('SecretChange')) return undefined;
  if (context.revision.current?.metadata.name === revision) return undefined;
  const recorded = context.revisions.get(revision);
  const changed = recorded === undefined ? [] : changedInputs(context.world, recorded.inputs ?? {});
  if (changed.length === 0) return undefined;
  return { cause: 'SecretChanged', message: `Changed: ${listed(changed)}`, fields: [] };
}

/** Returns a note for people: Secrets or ConfigMaps have changed since the start, but no rule asks for a restart. */
function staleInputs({ context, next, object }: InstanceDraft): string | undefined {
  const { inputs } = next.run ?? {};
  if (inputs === undefined) return undefined;
  const changed = changedInputs(context.world, inputs);
  if (changed.length === 0) return undefined;
  return `${listed(changed.map((name) => inputText(name, inputs)))} since it was started. To use the change, run agentctl rollout restart agent/${object.spec.agentName}. To restart automatically, set restartOn: [SecretChange] in the Policy.`;
}

function byImage({ context, next, container }: InstanceDraft): Outdated | undefined {
  const { world, settings } = context;
  if (settings.restartOn.length === 0) return undefined;
  const { imageId, controllerVersion } = world;
  const image = next.run?.image;
  if (settings.restartOn.includes('ImageUpdate') && imageId !== undefined && image !== undefined)
    if (image !== imageId)
      return {
        cause: 'ImageUpdated',
        message: `${world.agent.spec.template.image ?? 'The image'} is now ${imageId}, but it runs ${image}`,
        fields: [],
      };
  const version = container?.controllerVersion;
  if (
    settings.restartOn.includes('ControllerUpgrade') &&
    version !== undefined &&
    version !== controllerVersion
  )
    return {
      cause: 'ControllerUpgraded',
      message: `It was created by agentctl ${version}, and this is agentctl ${controllerVersion}`,
      fields: [],
    };
  return undefined;
}

/** `agentctl rollout restart`: the time in the annotation is later than the claim of the run. */
export function askedRestart(draft: InstanceDraft): Outdated | undefined {
  const asked = draft.context.world.agent.metadata.annotations?.[restartedAtAnnotation];
  if (asked === undefined) return undefined;
  const at = instant(asked);
  if (at === undefined || at <= (instant(draft.next.run?.claimedAt) ?? draft.now)) return undefined;
  if (at > draft.now) {
    wake(draft, at);
    return undefined;
  }
  return { cause: 'RolloutRestart', message: `A restart was requested at ${asked}`, fields: [] };
}

/** Records since when a running instance has been outdated. */
export function noteOutdated(draft: InstanceDraft): void {
  const { next, now, outdated } = draft;
  if (outdated === undefined) {
    delete next.outdatedSince;
    return;
  }
  const since = instant(next.outdatedSince);
  if (since !== undefined && since <= now) return;
  if (since === undefined) emitEvent(draft, 'Normal', 'Drifted', `${outdated.message}.`);
  next.outdatedSince = timeText(now);
}

/** Since when the instance has been idle; undefined while it is busy. */
export function idleSince({ view, now, container }: InstanceDraft): Instant | undefined {
  if (view.activity.busy) return undefined;
  return Math.min(now, view.activity.idleSince ?? container?.startedAt ?? now);
}

/**
 * Whether Policy.update allows to replace an outdated instance now, apart from maxUnavailable; and what it waits for.
 */
export function mayUpdate(draft: InstanceDraft): { allowed: boolean; waits: string } {
  const { settings, gate } = draft.context;
  const { update } = settings;
  const { next, now } = draft;
  if (gate !== undefined) return { allowed: false, waits: `It waits for the gate ${gate.name}` };
  if (update.strategy === 'OnDelete')
    return {
      allowed: false,
      waits: `It is replaced when it is deleted: ${command(draft.context.world.agent, `delete instance ${draft.name}`)}`,
    };
  if (update.forceAfter !== undefined) {
    const force = (instant(next.outdatedSince) ?? now) + update.forceAfter;
    if (force <= now) return { allowed: true, waits: '' };
    wake(draft, force);
  }
  const idle = idleSince(draft);
  if (idle === undefined) return { allowed: false, waits: 'It is busy; it is replaced when its turn ends' };
  if (update.strategy === 'Rolling') return { allowed: true, waits: '' };
  const at = idle + update.idleFor;
  if (at <= now) return { allowed: true, waits: '' };
  wake(draft, at);
  return { allowed: false, waits: `It is replaced at ${shortTime(at)} if it stays idle` };
}
