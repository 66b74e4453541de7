import { containerName } from '../api/names.ts';
import type { Instance, InstanceStatus, Message } from '../api/objects.ts';
import { isTime } from '../api/time.ts';
import { isEnded } from './conversation-view.ts';
import { type Lookup, messagesOf } from './lookup.ts';

/** `failures`: in a row. */
export interface InstanceDetails
  extends Pick<Instance, 'kind' | 'metadata'>,
    Required<Pick<InstanceStatus, 'failures' | 'conditions'>> {
  agent: string;
  runtime: string;
  state: State;
  run?: RunView | undefined;
  restarts: number;
  readySince?: string | undefined;
  lastExit?: InstanceStatus['lastExit'];
  next?: NextStep | undefined;
  /** The last action, if it failed. */
  failed?: InstanceStatus['lastOutcome'];
  /** The messages that it has and has not answered. Absent if its agent has no protocol, or if they were not read. */
  worksOn?: readonly Message[] | undefined;
}

/** The newest run. */
interface RunView extends Pick<Run, 'number' | 'cause' | 'revision' | 'claimedAt' | 'ref' | 'image'>, Place {
  /** Absent: it has not started yet. */
  startedAt?: string | undefined;
  isUp: boolean;
}

/** The ids that other tools use for it, while it runs. */
interface Place {
  pid?: string;
  container?: string;
}

/** The next event that time alone causes. */
export type NextStep =
  | { step: 'SignalAfterShutdown' | 'KillAfterSignal' | 'Kill' | 'Start' | 'Restart'; at: string }
  | { step: 'StartFromQueue'; position: number };

type Run = NonNullable<InstanceStatus['run']>;

const isRunning: ReadonlySet<string> = new Set(['Starting', 'Ready', 'Unready', 'Stopping']);

export function instanceDetails(instance: Instance): InstanceDetails {
  const { kind, metadata, spec, status = {} } = instance;
  const { run, restartCount = 0, failures = 0, readySince, lastExit, lastOutcome, conditions = [] } = status;
  const state = stateOf(status);
  return {
    kind,
    metadata,
    agent: spec.agentName,
    runtime: spec.runtimeRef.name,
    state,
    run: run && {
      ...run,
      startedAt: run.startedAt && startTime(run),
      isUp: run.startedAt !== undefined && isRunning.has(state.phase),
      ...placeOf(instance, run),
    },
    restarts: restartCount,
    failures,
    readySince,
    lastExit,
    next: nextStep(status),
    failed: lastOutcome?.result === 'Succeeded' ? undefined : lastOutcome,
    conditions,
  };
}

export async function readInstance(lookup: Lookup, instance: Instance): Promise<InstanceDetails> {
  const { metadata, spec } = instance;
  const { namespace } = metadata;
  const agent = await lookup.find('Agent', { ...(namespace && { namespace }), name: spec.agentName });
  const talks = agent !== undefined && agent.spec.protocol !== 'none';
  const messages = talks
    ? await messagesOf(lookup, namespace, { 'status.instance': metadata.name })
    : undefined;
  return { ...instanceDetails(instance), worksOn: messages?.filter((message) => !isEnded(message)) };
}

/** For a process, startedAt has boot, pid and start time. */
function placeOf({ metadata, status }: Instance, { ref, startedAt = '', number }: Run): Place {
  if (ref === undefined || startedAt === '' || status?.lastExit?.run === number) return {};
  const [, pid] = /^[0-9a-f-]{36}:(\d+):\d+$/.exec(startedAt) ?? [];
  if (pid !== undefined) return { pid };
  if (!isTime(startedAt)) return {};
  return {
    container: containerName({ namespace: metadata.namespace ?? 'default', instance: metadata.name }),
  };
}

/** A Runtime's startedAt may be something else than a time. Then the time of the claim is used, just before the start. */
const startTime = ({ startedAt, claimedAt }: Run): string =>
  startedAt !== undefined && isTime(startedAt) ? startedAt : claimedAt;

const afterStage = { Shutdown: 'SignalAfterShutdown', Signal: 'KillAfterSignal', Kill: 'Kill' } as const;

function nextStep({ phase, backoffUntil, nextRestartAt, stop, queue }: InstanceStatus): NextStep | undefined {
  if (stop !== undefined) return { step: afterStage[stop.stage], at: stop.deadline };
  if (phase === 'BackOff' && backoffUntil !== undefined) return { step: 'Start', at: backoffUntil };
  if (queue !== undefined) return { step: 'StartFromQueue', position: queue.position };
  const hasEnded = phase === 'Completed' || phase === 'Failed'; // only running instances are restarted by schedule
  return nextRestartAt === undefined || hasEnded ? undefined : { step: 'Restart', at: nextRestartAt };
}

/** What an Agent or Instance does now. */
export interface State {
  phase: string;
  /** Why, in one word. */
  reason?: string | undefined;
  /** Why, and what to do. */
  message?: string | undefined;
}

export const stateOf = ({ phase = 'Pending', reason, message }: Partial<State>): State => ({
  phase,
  reason: reason === phase ? undefined : reason,
  message: message === '' ? undefined : message,
});
