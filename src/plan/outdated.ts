import { listed } from '../api/listed.ts';
import type { FieldDrift } from './action.ts';
import { drift, driftText } from './drift.ts';
import { instant } from './instant.ts';
import { changedInputs } from './revision.ts';
import { type Outdated, type Turn, wake } from './turn.ts';

const restartedAtAnnotation = 'agentctl.dev/restartedAt';

/** Finds why the newest run is not what the spec asks for; moves it to the newest Revision where only live fields differ. */
export function takeOutdated(turn: Turn): void {
  const { next, context } = turn;
  const { run } = next;
  if (run === undefined || context.deleting) return;
  turn.outdated =
    bySpec(turn, run.revision) ?? byInputs(turn, run.revision) ?? byImage(turn) ?? askedRestart(turn);
  turn.stale = turn.outdated === undefined ? staleInputs(turn) : undefined;
  const { current } = context.revision;
  const onlyLive = turn.outdated === undefined || turn.outdated.cause === 'RolloutRestart';
  if (onlyLive && current !== undefined && run.revision !== current.metadata.name)
    next.run = { ...run, revision: current.metadata.name };
}

function bySpec(turn: Turn, revision: string): Outdated | undefined {
  const { context, object } = turn;
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
    // The Runtime that the reference comes to is compared above: naming the default one changes nothing.
    for (const field of drift(context.world.agent.spec, recorded))
      if (field.update === 'restart' && !field.field.startsWith('spec.runtimeRef')) fields.push(field);
  }
  if (fields.length === 0) return undefined;
  return { cause: 'SpecChanged', message: listed(fields.map(driftText)), fields };
}

function byInputs({ context }: Turn, revision: string): Outdated | undefined {
  if (!context.settings.restartOn.includes('SecretChange')) return undefined;
  if (context.revision.current?.metadata.name === revision) return undefined;
  const recorded = context.revisions.get(revision);
  const changed = recorded === undefined ? [] : changedInputs(context.world, recorded.inputs ?? {});
  if (changed.length === 0) return undefined;
  return { cause: 'SecretChanged', message: `Changed: ${listed(changed)}`, fields: [] };
}

/** What it was started with is not what is there now, and nothing asks for a restart because of that: it is told alone. */
function staleInputs({ context, next, object }: Turn): string | undefined {
  const { inputs } = next.run ?? {};
  if (inputs === undefined) return undefined;
  const changed = changedInputs(context.world, inputs);
  if (changed.length === 0) return undefined;
  return `${listed(changed)} changed since it was started. To use the change, run agentctl rollout restart agent/${object.spec.agentName}. To restart automatically, set restartOn: [SecretChange] in the Policy.`;
}

function byImage({ context, next, container }: Turn): Outdated | undefined {
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

/** `agentctl rollout restart`: a time in the annotation that is later than the claim of the run. */
export function askedRestart(turn: Turn): Outdated | undefined {
  const asked = turn.context.world.agent.metadata.annotations?.[restartedAtAnnotation];
  if (asked === undefined) return undefined;
  const at = instant(asked);
  if (at === undefined || at <= (instant(turn.next.run?.claimedAt) ?? turn.now)) return undefined;
  if (at > turn.now) {
    wake(turn, at);
    return undefined;
  }
  return { cause: 'RolloutRestart', message: `A restart was requested at ${asked}`, fields: [] };
}
