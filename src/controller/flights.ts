import { isApiError, retryOf } from '../api/errors.ts';
import { type Instance, keyText } from '../api/objects.ts';
import type { Resources } from '../client/resources.ts';
import type { Action, Outcome } from '../plan/action.ts';
import { applyOutcome } from '../plan/exits.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { type Admission, agentKeyOf } from './admission.ts';
import type { Cache } from './cache.ts';
import { fieldManager } from './execute.ts';

const keepAgain = 1_000;

export interface FlightsDeps {
  resources: Resources;
  cache: Cache;
  admission: Admission;
  clock: Clock;
  log: Log;
  /** Aborted when the controller stops. */
  signal: AbortSignal;
  enqueue: (key: string) => void;
}

/**
 * Actions on Runtimes that are in progress, at most one for each Instance. They run outside the workers, so that a long
 * action blocks no other key.
 */
export class Flights {
  readonly #deps: FlightsDeps;
  readonly #byUid = new Map<string, { id: string; ended: Promise<void> }>();

  constructor(deps: FlightsDeps) {
    this.#deps = deps;
  }

  /** Returns the id of the action in progress for an Instance. */
  of(uid: string): string | undefined {
    return this.#byUid.get(uid)?.id;
  }

  /** Resolves when no action is in progress. */
  async settle(): Promise<void> {
    await Promise.all([...this.#byUid.values()].map(({ ended }) => ended));
  }

  /** Runs the actions in order, each only if its predecessors succeeded. Then enqueues the Agent. */
  begin(
    agentKey: string,
    instance: Instance,
    chain: readonly Action[],
    done: ReadonlySet<string>,
    carryOut: (action: Action) => Promise<Outcome>,
  ): void {
    const { uid } = instance.metadata;
    const first = chain[0];
    if (first === undefined || this.#byUid.has(uid)) return;
    const { admission, cache, enqueue, log } = this.#deps;
    const ready = new Set(done);
    const run = async (): Promise<void> => {
      for (const action of chain) {
        if (!action.after.every((id) => ready.has(id))) break;
        const outcome = await carryOut(action);
        const runtime = cache.runtimes.get(instance.spec.runtimeRef.name);
        if (runtime !== undefined) admission.ended(runtime, agentKeyOf(instance), action.type, outcome);
        await this.#keep(instance, action, outcome);
        if (outcome.result !== 'Succeeded') break;
        ready.add(action.id);
      }
    };
    const ended = run()
      .catch((error: unknown) =>
        log.error({ err: error, instance: instance.metadata.name }, 'an outcome could not be saved'),
      )
      .finally(() => {
        this.#byUid.delete(uid);
        enqueue(agentKey);
      });
    this.#byUid.set(uid, { id: first.id, ended });
  }

  /**
   * Stores the outcome of an action if the next observe does not show it. As long as it cannot be written, for example
   * on a full disk, the Instance stays in flight. Otherwise the next plan would repeat the action at once, and no
   * failure would be counted.
   */
  async #keep(instance: Instance, action: Action, outcome: Outcome): Promise<void> {
    const { cache, clock, log, resources, signal } = this.#deps;
    const key = keyText(instance.metadata);
    if (outcome.result !== 'Succeeded')
      log.info({ instance: key, action: action.id, outcome }, 'an action failed');
    let newest = cache.instances.get(key);
    let cause: string | undefined;
    while (!signal.aborted) {
      try {
        newest ??= await resources.get('Instance', instance.metadata);
        if (newest.metadata.uid !== instance.metadata.uid) return;
        const before = newest.status ?? {};
        const status = applyOutcome(before, action, outcome, clock.now());
        if (status === before) return;
        cache.instances.observeWrite(
          await resources.update('Instance', { ...newest, status }, { subresource: 'status', fieldManager }),
        );
        return;
      } catch (error) {
        if (isApiError(error, 'NotFound') || retryOf(error) === 'Never') return;
        newest = undefined;
        if (isApiError(error, 'Conflict')) continue;
        const message = error instanceof Error ? error.message : String(error);
        if (message !== cause)
          log.warn({ err: error, instance: key, action: action.id }, 'an outcome is not saved yet');
        cause = message;
        await sleep(clock, keepAgain, signal);
      }
    }
  }
}
