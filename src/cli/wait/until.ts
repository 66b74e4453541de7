import { isApiError } from '../../api/errors.ts';
import type { Kind, Kinds, ObjectKey } from '../../api/objects.ts';
import type { Resources } from '../../client/resources.ts';
import type { Cancel, Clock } from '../../platform/clock.ts';

/** What a look at an object says of a wait. `never`: it can no longer be met, and why. `met` may say how. */
export type Judgement = 'met' | { met: string } | { pending: string } | { never: string };

/** Judges an object, or its absence. */
export type Judge<T> = (object: T | undefined) => Judgement;

export type Outcome = { result: 'met'; how?: string } | { result: 'timedOut' | 'never'; why: string };

/** A verdict that it cannot be met must stand so long: a change that mends it may not have reached the controller yet. */
const settleMs = 500;

/** Watches one object until the judge has decided, or the time is over. A lost watch begins anew with a list. */
export async function until<K extends Kind>(
  resources: Pick<Resources, 'list' | 'watch'>,
  kind: K,
  key: ObjectKey,
  judge: Judge<Kinds[K]>,
  how: { timeout: number; clock: Clock; signal: AbortSignal; onPending?: (why: string) => void },
): Promise<Outcome> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, how.signal]);
  const cancel = alarm(how.clock, how.timeout, over);
  let cancelDoom: Cancel | undefined;
  let last: Judgement = { pending: 'nothing is known of it yet' };
  const isMet = (object: Kinds[K] | undefined): boolean => {
    last = judge(object);
    if (last === 'met' || 'met' in last) return true;
    if ('never' in last) cancelDoom ??= how.clock.after(settleMs, () => over.abort());
    else {
      cancelDoom?.();
      cancelDoom = undefined;
      how.onPending?.(last.pending);
    }
    return false;
  };
  const selection = { namespace: key.namespace, fieldSelector: `metadata.name=${key.name}` };
  try {
    do {
      const { items, metadata } = await resources.list(kind, selection);
      if (isMet(items[0])) return outcomeOf(last);
      try {
        const { resourceVersion } = metadata;
        for await (const event of resources.watch(kind, { ...selection, resourceVersion, signal })) {
          if (event.type === 'BOOKMARK') continue;
          if (isMet(event.type === 'DELETED' ? undefined : event.object)) return outcomeOf(last);
        }
      } catch (error) {
        if (!signal.aborted && !isApiError(error, 'Expired')) throw error;
      }
    } while (!signal.aborted);
  } finally {
    cancel();
    cancelDoom?.();
    over.abort();
  }
  return outcomeOf(last);
}

function outcomeOf(judgement: Judgement): Outcome {
  if (judgement === 'met') return { result: 'met' };
  if ('met' in judgement) return { result: 'met', how: judgement.met };
  if ('never' in judgement) return { result: 'never', why: judgement.never };
  return { result: 'timedOut', why: judgement.pending };
}

/** Timers end at 2^31 ms; a longer wait goes on by hand. */
function alarm(clock: Clock, milliseconds: number, over: AbortController): Cancel {
  const most = 2 ** 31 - 1;
  let cancel = (): void => undefined;
  if (milliseconds === Number.POSITIVE_INFINITY) return cancel;
  const set = (left: number): void => {
    cancel = clock.after(Math.min(left, most), () => (left > most ? set(left - most) : over.abort()));
  };
  set(milliseconds);
  return () => cancel();
}
