import type { ObservedExit } from '../../plan/world.ts';
import { type ContainerInspect, instantOf } from './wire.ts';

/** How far the engine's times and ours may be apart. */
const slackMs = 1_000;
/** A starting engine ends what it finds of its predecessor's before it serves. */
const recoveryMs = 5_000;

/** Exit codes of the signals that an engine sends when it shuts down: SIGTERM, SIGKILL. */
const shutdownCodes = [143, 137];

/**
 * Pure: who ended it. What an engine (Docker) leaves running when it ends is killed, at the latest by its successor
 * before that serves; so a run that began before the engine did, and ended in the gap, ended with the engine.
 * Measured with Docker 20.10: on SIGTERM it drops its event streams first and then stops the containers; after its
 * SIGKILL the next engine stops them. Each time the exits are older than the successor's bridge network.
 *
 * @param engineStart when the engine that answers now began; undefined where nothing tells
 * @param aliveUntil when an earlier engine was last known to serve; undefined where none was known
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

/** Remembers when the engine answered, and what was judged by it. */
export interface Lifetime {
  answered(): void;
  lost(): void;
  watching(on: boolean): void;
  judge(inspect: ContainerInspect): Promise<ObservedExit['cause']>;
}

export function createLifetime(
  now: () => number,
  readEngineStart: () => Promise<number | undefined>,
): Lifetime {
  let inTouch = false;
  let watched = false;
  let lastAnswer: number | undefined;
  let aliveUntil: number | undefined;
  let engineStart: { at: number | undefined } | undefined;
  /** By container, its last exit: judged once, so that a later restart of the engine does not change it. */
  const verdicts = new Map<string, { finishedAt: string; cause: ObservedExit['cause'] }>();

  return {
    answered() {
      inTouch = true;
      lastAnswer = now();
    },
    lost() {
      // A stream that broke was whole until now; a refused call says only that the last one was answered.
      if (inTouch) aliveUntil = watched ? now() : lastAnswer;
      inTouch = false;
      watched = false;
      engineStart = undefined;
    },
    watching(on) {
      watched = on;
    },
    async judge({ Id: id, State: state }) {
      const known = verdicts.get(id);
      if (known?.finishedAt === state.FinishedAt) return known.cause;
      // Without a stream nothing tells that the engine has been another since.
      if (!watched) engineStart = undefined;
      engineStart ??= { at: await readEngineStart() };
      const cause = exitCause(state, engineStart.at, aliveUntil);
      verdicts.set(id, { finishedAt: state.FinishedAt, cause });
      if (verdicts.size > 10_000) verdicts.delete(verdicts.keys().next().value ?? '');
      return cause;
    },
  };
}
