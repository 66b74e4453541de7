import type { Observed } from '../../plan/world.ts';
import { observed } from './docker-observe.ts';
import type { ContainerInspect, EngineEvent } from './wire.ts';

/** The last seen state of our containers, which saves requests. */
export interface Known {
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
    ended({ Action: action, Actor: { ID: ref, Attributes: told }, timeNano }) {
      const seen = byRef.get(ref);
      if (seen === undefined || !isStopping(seen)) return undefined;
      // After another start or an out-of-memory event, the container must be inspected.
      if (action === 'start' || action === 'oom') seen.stopping = undefined;
      const code = Number.parseInt(told?.exitCode ?? '', 10);
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
