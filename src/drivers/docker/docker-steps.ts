import { type Clock, sleep } from '../../platform/clock.ts';
import { DriverError } from '../driver.ts';
import type { Attachments } from './docker-attach.ts';
import { hasStatus, ifExists } from './docker-errors.ts';
import { type Engine, EngineError } from './engine.ts';

const removalWaitMs = 10_000;
const removalPollMs = 50;
/** How many removed containers are remembered, so that their events are ignored. */
const mostRemoved = 1_000;

/** Starts and removals of containers: the engine's events about them are not news. */
export interface Steps {
  /** Containers that are being started or removed, and the last removed ones. */
  readonly underWay: ReadonlySet<string>;
  run<T>(ref: string, action: () => Promise<T>): Promise<T>;
  /** Removes the container with its anonymous volumes. Succeeds if it is gone. Throws Retryable `RemoveFailed`. */
  remove(ref: string): Promise<void>;
}

export function createSteps({ calls }: Engine, attachments: Attachments, clock: Clock): Steps {
  const underWay = new Set<string>();

  const run = async <T>(ref: string, action: () => Promise<T>): Promise<T> => {
    underWay.add(ref);
    try {
      return await action();
    } finally {
      underWay.delete(ref);
    }
  };

  /** The event of a removal may come after the response. */
  const removed = (ref: string): void => {
    underWay.add(ref);
    if (underWay.size > mostRemoved) underWay.delete(underWay.values().next().value ?? '');
  };

  const failed = (message: string, cause?: unknown): DriverError =>
    new DriverError('Retryable', 'RemoveFailed', message, { cause });

  /** Another client is removing the container; its name is free only after that. */
  const untilGone = async (ref: string): Promise<void> => {
    const deadline = clock.now() + removalWaitMs;
    while ((await ifExists(calls.getContainer(ref).inspect())) !== undefined) {
      if (clock.now() > deadline) throw failed(`the engine has not finished the removal of ${ref}`);
      await sleep(clock, removalPollMs);
    }
  };

  return {
    underWay,
    run,
    async remove(ref) {
      attachments.drop(ref);
      try {
        await run(ref, () => calls.getContainer(ref).remove({ force: true, v: true }));
        removed(ref);
      } catch (error) {
        if (hasStatus(error, 404)) return;
        if (!(error instanceof EngineError)) throw error;
        if (!/in progress/i.test(error.message))
          throw failed(`the engine cannot remove ${ref}: ${error.message}`, error);
        await untilGone(ref);
      }
    },
  };
}
