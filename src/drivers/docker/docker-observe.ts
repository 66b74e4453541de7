import { labels } from '../../api/annotations.ts';
import type { Observed, ObservedExit } from '../../plan/world.ts';
import type { Driver } from '../driver.ts';
import { createLineSplitter } from '../stdio/output-lines.ts';
import { type Engine, streamOf, until } from './engine.ts';

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

/** The last seen state of our containers, which saves requests. */
interface Known {
  /** Returns what the planner sees of it. */
  saw(inspect: ContainerInspect): Observed | undefined;
  forget(ref: string): void;
  /** Forgets all but these. */
  keep(refs: ReadonlySet<string>): void;
  /**
   * The uid of its Instance. It is a label, so it never changes. Undefined if the container is not known to be ours.
   */
  owner(ref: string): string | undefined;
  /** Set if the container was last seen running and not paused. */
  running(ref: string): { stopSignal: string | undefined } | undefined;
  /** Records that a signal is about to be sent to the last seen run. */
  stops(ref: string): void;
  /** Whether a signal was sent to the last seen run, so that its end was requested. */
  stopped(ref: string): boolean;
  /**
   * Must be called with each event, in order. Returns the exit of a run that was sent a signal, if the event has all of
   * it.
   */
  ended(event: EngineEvent): Observed | undefined;
  /** Events may have been missed. */
  lost(): void;
}

interface Seen {
  observed: Observed;
  stopSignal: string | undefined;
  /** The id of the start that was sent a signal. */
  stopping: string | undefined;
}

export function createKnown(storeId: string): Known {
  const byRef = new Map<string, Seen>();

  return {
    saw(inspect) {
      const { Id: ref, Config: config } = inspect;
      const found = observed(inspect, storeId, 'Agent');
      if (found === undefined) byRef.delete(ref);
      else {
        const stopping = byRef.get(ref)?.stopping;
        byRef.set(ref, { observed: found, stopSignal: config.StopSignal, stopping });
      }
      return found;
    },
    forget: (ref) => void byRef.delete(ref),
    keep(refs) {
      for (const ref of byRef.keys()) if (!refs.has(ref)) byRef.delete(ref);
    },
    owner: (ref) => byRef.get(ref)?.observed.instanceUid,
    running(ref) {
      const seen = byRef.get(ref);
      return seen?.observed.state === 'Running' ? seen : undefined;
    },
    stops(ref) {
      const seen = byRef.get(ref);
      if (seen !== undefined) seen.stopping = seen.observed.startId;
    },
    stopped: (ref) => isStopping(byRef.get(ref)),
    ended({ Action: action, Actor: { ID: ref, Attributes: attributes }, timeNano }) {
      const seen = byRef.get(ref);
      if (seen === undefined || !isStopping(seen)) return undefined;
      // After another start or an out-of-memory event, the container must be inspected.
      if (action === 'start' || action === 'oom') seen.stopping = undefined;
      const code = Number.parseInt(attributes?.exitCode ?? '', 10);
      if (action !== 'die' || Number.isNaN(code) || timeNano === undefined) return undefined;
      const finishedAt = Math.max(seen.observed.startedAt ?? 0, Math.floor(timeNano / 1e6));
      seen.observed = { ...seen.observed, state: 'Exited', exit: { code, finishedAt, cause: 'Agent' } };
      return seen.observed;
    },
    lost() {
      for (const seen of byRef.values()) seen.stopping = undefined;
    },
  };
}

const isStopping = (seen: Seen | undefined): boolean =>
  seen?.stopping !== undefined && seen.stopping === seen.observed.startId;

/**
 * Actions that change what the planner sees. Execs, resizes and others do not. Nor does a creation: the creator knows
 * of it, and each list includes it. Podman's names differ.
 */
const relevant = new Set([
  'start',
  'restart',
  'die',
  'died',
  'stop',
  'oom',
  'pause',
  'unpause',
  'destroy',
  'remove',
  'rename',
  'cleanup',
]);

/** Events of our own steps. They are ignored while the step runs, because its response has the result. */
const ownSteps = new Set(['start', 'destroy', 'remove']);

/** Reads the engine's events until they end or the signal aborts. */
export async function watchEvents(
  { streams }: Engine,
  storeId: string,
  onHint: Parameters<Driver['watch']>[0],
  signal: AbortSignal,
  {
    underWay,
    ended,
  }: {
    /** Containers that we are starting or removing. */
    underWay: ReadonlySet<string>;
    ended: Known['ended'];
  },
): Promise<void> {
  const filters = { type: ['container'], label: [`${labels.store}=${storeId}`] };
  const stream = await streamOf(streams, '/events', { filters }, signal);
  // Changes before the stream was opened were not seen.
  onHint(undefined);
  const splitter = createLineSplitter();
  for await (const chunk of until(stream, signal)) {
    for (const line of splitter.push(chunk)) {
      if (line.trim() === '') continue;
      // The Engine API defines the type of each line.
      const event = JSON.parse(line) as EngineEvent;
      const seen = ended(event);
      if (!relevant.has(event.Action)) continue;
      if (ownSteps.has(event.Action) && underWay.has(event.Actor.ID)) continue;
      onHint(event.Actor.ID, seen);
    }
  }
}

/** The parts of the Docker Engine API's responses (v1.41) that we use. */

export interface ContainerInspect {
  Id: string;
  Name: string;
  /** The image's id. */
  Image: string;
  State: {
    /**
     * created, running, paused, restarting, removing, exited or dead. Podman adds configured, stopped, stopping and
     * others.
     */
    Status: string;
    Running: boolean;
    Paused: boolean;
    /** The pid of the main process on the engine's host; 0 if it does not run. */
    Pid?: number | undefined;
    OOMKilled: boolean;
    ExitCode: number;
    Error: string;
    /** RFC 3339 with nanoseconds; year 1 means never. */
    StartedAt: string;
    FinishedAt: string;
  };
  Config: {
    Labels: Record<string, string> | null;
    Env: string[] | null;
    WorkingDir: string;
    /** A name or a number. Defaults to the image's; absent if the image has none. */
    StopSignal?: string | undefined;
  };
  HostConfig: { NetworkMode?: string | undefined };
  Mounts: { Type: string; Name?: string | undefined; Destination: string }[] | null;
  NetworkSettings: {
    /** Absent in newer engines: each network has one instead. */
    IPAddress?: string | undefined;
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null> | null;
    Networks: Record<string, { IPAddress: string }> | null;
  };
}

interface EngineEvent {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes?: Record<string, string> | null };
  timeNano?: number;
}

/** Returns undefined for year 1, which means never. */
export function instantOf(text: string): number | undefined {
  const instant = Date.parse(text);
  return Number.isNaN(instant) || instant <= 0 ? undefined : instant;
}

/** Returns where the controller can reach a port of the container. Pure. */
export function addressOf(
  inspect: ContainerInspect,
  port: number,
  engine: { local: boolean; host: string },
): { host: string; port: number } | undefined {
  if (!inspect.State.Running) return undefined;
  if (inspect.HostConfig.NetworkMode === 'host') return { host: engine.host, port };
  const { IPAddress: own, Networks: networks, Ports: ports } = inspect.NetworkSettings;
  const ip = own || Object.values(networks ?? {}).find((network) => network.IPAddress !== '')?.IPAddress;
  if (engine.local && ip) return { host: ip, port };
  const published = ports?.[`${port}/tcp`]?.[0];
  if (published === undefined) return undefined;
  const everywhere = ['', '0.0.0.0', '::'].includes(published.HostIp);
  return { host: everywhere ? engine.host : published.HostIp, port: Number(published.HostPort) };
}
