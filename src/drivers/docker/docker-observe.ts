import { labels } from '../../api/annotations.ts';
import type { Observed, ObservedExit } from '../../plan/world.ts';
import { type ContainerInspect, instantOf } from './wire.ts';

type State = Observed['state'] | 'Gone';

/**
 * Docker's states, and those that Podman adds. In an unknown state, a container has ended only if it has an end time.
 */
function stateOf({
  Status: status,
  StartedAt: startedAt,
  FinishedAt: finishedAt,
}: ContainerInspect['State']): State {
  switch (status) {
    case 'running':
    case 'restarting':
    case 'stopping':
      return 'Running';
    case 'paused':
      return 'Paused';
    case 'created':
    case 'configured':
    case 'initialized':
      return 'Created';
    case 'removing':
      return 'Gone';
    case 'exited':
    case 'stopped':
    case 'dead':
      return 'Exited';
    default:
      return (instantOf(finishedAt) ?? 0) > (instantOf(startedAt) ?? 0) ? 'Exited' : 'Running';
  }
}

/** Returns the container as the planner sees it; undefined if it belongs to another store or is being removed. */
export function observed(
  inspect: ContainerInspect,
  store: string,
  cause: ObservedExit['cause'],
): Observed | undefined {
  const label = inspect.Config.Labels ?? {};
  if (label[labels.store] !== store) return undefined;
  const state = stateOf(inspect.State);
  if (state === 'Gone') return undefined;
  const startedAt = instantOf(inspect.State.StartedAt);
  return {
    ref: inspect.Id,
    instanceUid: label[labels.uid] ?? '',
    namespace: label[labels.namespace] ?? '',
    instance: label[labels.instance] ?? '',
    agent: label[labels.agent] ?? '',
    run: Number(label[labels.run] ?? 0),
    revision: label[labels.revision] ?? '',
    state,
    startId: startedAt === undefined ? undefined : inspect.State.StartedAt,
    startedAt,
    exit: state === 'Exited' ? exitOf(inspect, startedAt, cause) : undefined,
    imageId: inspect.Image,
    controllerVersion: label[labels.version],
  };
}

function exitOf(
  { State: state }: ContainerInspect,
  startedAt: number | undefined,
  cause: ObservedExit['cause'],
): ObservedExit {
  const finishedAt = instantOf(state.FinishedAt) ?? startedAt ?? 0;
  return {
    code: state.ExitCode,
    oomKilled: state.OOMKilled || undefined,
    // The time of an immediate exit can be just before the recorded start.
    finishedAt: Math.max(finishedAt, startedAt ?? finishedAt),
    cause,
    message: state.Error === '' ? undefined : state.Error,
  };
}
