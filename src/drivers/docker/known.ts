import type { Observed } from '../../plan/world.ts';
import { observed } from './observe.ts';
import type { ContainerInspect, EngineEvent } from './wire.ts';

/** Our containers as they were last seen, so that less of them must be asked for again. */
export interface Known {
  /** Answers what the planner sees of it. */
  saw(inspect: ContainerInspect): Observed | undefined;
  forget(ref: string): void;
  /** Forgets all but these. */
  keep(refs: ReadonlySet<string>): void;
  /** The uid of its Instance: a label, so it never changes. Undefined where it is not known to be ours. */
  owner(ref: string): string | undefined;
  /** Where it was last seen to run, and not frozen. */
  running(ref: string): { stopSignal: string | undefined } | undefined;
  /** The run that was last seen is about to be sent a signal. */
  stops(ref: string): void;
  /** Whether the run that was last seen was sent one: that it ends is our doing. */
  stopped(ref: string): boolean;
  /** To be told each event in turn. Answers how a run has ended that was sent a signal, where its event tells all of it. */
  ended(event: EngineEvent): Observed | undefined;
  /** Events may have been missed. */
  lost(): void;
}

interface Seen {
  observed: Observed;
  stopSignal: string | undefined;
  /** The start that was sent a signal. */
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
      // Of another start, or of one that had no memory left, more must be asked.
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
