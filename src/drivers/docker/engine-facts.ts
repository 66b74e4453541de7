import { uptime } from 'node:os';
import type { ObservedExit } from '../../plan/world.ts';
import { ifExists } from './docker-errors.ts';
import { type ContainerInspect, instantOf } from './docker-observe.ts';
import type { Engine } from './engine.ts';

/** What is known of an engine once it has answered. */
export interface EngineFacts {
  podman: boolean;
  version: string;
  /** Whether the engine can run an init in the container. */
  init: boolean;
}

export async function readFacts(engine: Engine): Promise<EngineFacts> {
  const version = await engine.calls.version();
  const components = version.Components ?? [];
  const podman = components.some(({ Name: name }) => name.startsWith('Podman'));
  return {
    podman,
    version: `${podman ? 'Podman' : 'Docker'} ${version.Version}`,
    // Docker lists its init if it is installed. Podman does not report its init, and refuses a container if the init is
    // missing.
    init: podman || components.some(({ Name: name }) => name === 'docker-init'),
  };
}

/**
 * Returns when the engine began. Docker creates its default bridge at each start; nothing else shows the time. Podman's
 * containers do not depend on its service, so only a boot of the host ends them.
 */
export async function readEngineStart(
  engine: Engine,
  podman: boolean,
  local: boolean,
  now: number,
): Promise<number | undefined> {
  if (podman) return local ? now - uptime() * 1000 : undefined;
  const bridge = await ifExists(engine.fresh.getNetwork('bridge').inspect());
  return bridge === undefined ? undefined : instantOf(bridge.Created);
}

/** The greatest difference between the engine's clock and ours. */
const slackMs = 1_000;
/** A starting engine stops leftover containers of its predecessor before it serves requests. */
const recoveryMs = 5_000;

const keptVerdicts = 10_000;

/** Exit codes of the signals that an engine sends when it shuts down: SIGTERM, SIGKILL. */
const shutdownCodes = [143, 137];

/**
 * Returns who ended a run. Pure. Docker's containers are killed when the engine ends, at the latest by the next engine
 * before it serves requests. So a run that began before the engine did, and ended in the gap between the engines, was
 * ended by the engine. Measured with Docker 20.10: on SIGTERM it first stops listening, then stops the containers, and
 * still serves existing connections, event streams included. After a SIGKILL, the next engine stops the containers. In
 * both cases the exits are older than the next engine's bridge network.
 *
 * @param engineStart when the current engine began; undefined if it is not known
 * @param aliveUntil when an earlier engine last accepted a connection; undefined if none was seen
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
  // Nothing observed the gap, so the exit codes of a shutdown decide: one failure too few is less harmful than one too
  // many.
  return shutdownCodes.includes(state.ExitCode) && !state.OOMKilled ? 'Runtime' : 'Agent';
}

/** Remembers when the engine accepted a connection, and the verdicts that followed from it. */
interface Lifetime {
  accepted(): void;
  lost(): void;
  judge(inspect: ContainerInspect): Promise<ObservedExit['cause']>;
}

/**
 * `readEngineStart` uses a new connection. An engine that shuts down refuses it, so no verdict is made during a
 * shutdown.
 */
export function createLifetime(
  now: () => number,
  readEngineStart: () => Promise<number | undefined>,
): Lifetime {
  let lastAccepted: number | undefined;
  let aliveUntil: number | undefined;
  /**
   * By container: the verdict on its last exit. It is made once, so that a later restart of the engine does not change
   * it.
   */
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

/**
 * Shares one request among concurrent callers. Callers during a running request share the next one, so each answer is
 * of a request that began after the call.
 */
export function shared<T>(question: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;

  const put = (): Promise<T> => {
    next = undefined;
    const answer = question();
    // The callers that share the request get its error.
    running = answer.catch(() => undefined);
    return answer;
  };

  return () => {
    next ??= running.then(put);
    return next;
  };
}
