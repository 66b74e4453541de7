import type { ObservedExit } from '../../plan/world.ts';
import { type ContainerInspect, instantOf } from './wire.ts';

/** How far the engine's times and ours may be apart. */
const slackMs = 1_000;
/** A starting engine ends what it finds of its predecessor's before it serves. */
const recoveryMs = 5_000;

const keptVerdicts = 10_000;

/** Exit codes of the signals that an engine sends when it shuts down: SIGTERM, SIGKILL. */
const shutdownCodes = [143, 137];

/**
 * Pure: who ended it. What an engine (Docker) leaves running when it ends is killed, at the latest by its successor
 * before that serves; so a run that began before the engine did, and ended in the gap, ended with the engine.
 * Measured with Docker 20.10: on SIGTERM it stops listening first, then stops the containers, and goes on to serve the
 * connections that it has, event streams too; after its SIGKILL the next engine stops the containers. Each time the
 * exits are older than the successor's bridge network.
 *
 * @param engineStart when the engine that answers now began; undefined where nothing tells
 * @param aliveUntil when an earlier engine last accepted a connection; undefined where none was known
 */
export function exitCause(
  state: ContainerInspect['State'],
  engineStart: number | undefined,
  aliveUntil: number | undefined,
): ObservedExit['cause'] {
  const startedAt = instantOf(state.StartedAt);
  const finishedAt = instantOf(state.FinishedAt);
  if (engineStart === undefined || startedAt === undefined) return 'Agent';
  if (startedAt >= engineStart) return 'Agent';
  if (finishedAt === undefined) return 'Runtime';
  if (finishedAt > engineStart + recoveryMs) return 'Agent';
  if (aliveUntil !== undefined) return finishedAt > aliveUntil - slackMs ? 'Runtime' : 'Agent';
  // Nobody watched: the codes of a shutdown are believed, for a failure too few does less harm than one too many.
  return shutdownCodes.includes(state.ExitCode) && !state.OOMKilled ? 'Runtime' : 'Agent';
}

/** Remembers when the engine accepted a connection, and what was judged by it. */
export interface Lifetime {
  accepted(): void;
  lost(): void;
  judge(inspect: ContainerInspect): Promise<ObservedExit['cause']>;
}

/** `readEngineStart` asks on a connection of its own, so that an engine that shuts down refuses, and nothing is judged. */
export function createLifetime(
  now: () => number,
  readEngineStart: () => Promise<number | undefined>,
): Lifetime {
  let lastAccepted: number | undefined;
  let aliveUntil: number | undefined;
  /** By container, its last exit: judged once, so that a later restart of the engine does not change it. */
  const verdicts = new Map<string, { finishedAt: string; cause: ObservedExit['cause'] }>();

  return {
    accepted() {
      lastAccepted = now();
    },
    lost() {
      aliveUntil = lastAccepted;
    },
    async judge({ Id: id, State: state }) {
      const known = verdicts.get(id);
      if (known?.finishedAt === state.FinishedAt) return known.cause;
      const cause = exitCause(state, await readEngineStart(), aliveUntil);
      verdicts.delete(id);
      verdicts.set(id, { finishedAt: state.FinishedAt, cause });
      if (verdicts.size > keptVerdicts) verdicts.delete(verdicts.keys().next().value ?? '');
      return cause;
    },
  };
}
