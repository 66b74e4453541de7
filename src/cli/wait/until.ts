import { isApiError } from '../../api/errors.ts';
import type { Kind, Kinds, ObjectKey } from '../../api/objects.ts';
import type { Resources } from '../../client/resources.ts';
import type { Clock } from '../../platform/clock.ts';

/** What a look at an object says of a wait. `never`: it can no longer be met, and why. */
export type Judgement = 'met' | { pending: string } | { never: string };

/** Judges an object, or its absence. */
export type Judge<T> = (object: T | undefined) => Judgement;

export type Outcome = { result: 'met' } | { result: 'timedOut' | 'never'; why: string };

/** Watches one object until the judge has decided, or the time is over. A lost watch begins anew with a list. */
export async function until<K extends Kind>(
  resources: Pick<Resources, 'list' | 'watch'>,
  kind: K,
  key: ObjectKey,
  judge: Judge<Kinds[K]>,
  how: { timeout: number; clock: Clock; signal: AbortSignal; onPending?: (why: string) => void },
): Promise<Outcome> {
  const over = new AbortController();
  const cancel =
    how.timeout === Number.POSITIVE_INFINITY ? () => undefined : alarm(how.clock, how.timeout, over);
  const signal = AbortSignal.any([over.signal, how.signal]);
  let pending = 'nothing is known of it yet';
  const decide = (object: Kinds[K] | undefined): Outcome | undefined => {
    const judgement = judge(object);
    if (judgement === 'met') return { result: 'met' };
    if ('never' in judgement) return { result: 'never', why: judgement.never };
    pending = judgement.pending;
    how.onPending?.(pending);
    return undefined;
  };
  try {
    while (!signal.aborted) {
      const selection = { namespace: key.namespace, fieldSelector: `metadata.name=${key.name}` };
      const list = await resources.list(kind, selection);
      const decided = decide(list.items[0]);
      if (decided !== undefined) return decided;
      const { resourceVersion } = list.metadata;
      try {
        for await (const event of resources.watch(kind, { ...selection, resourceVersion, signal })) {
          if (event.type === 'BOOKMARK') continue;
          const decided = decide(event.type === 'DELETED' ? undefined : event.object);
          if (decided !== undefined) return decided;
        }
      } catch (error) {
        if (!signal.aborted && !isApiError(error, 'Expired')) throw error;
      }
    }
  } finally {
    cancel();
    over.abort();
  }
  return { result: 'timedOut', why: pending };
}

/** Timers end at 2^31 ms; a longer wait goes on by hand. */
function alarm(clock: Clock, milliseconds: number, over: AbortController): () => void {
  const most = 2 ** 31 - 1;
  let cancel = (): void => undefined;
  const set = (left: number): void => {
    cancel = clock.after(Math.min(left, most), () => (left > most ? set(left - most) : over.abort()));
  };
  set(milliseconds);
  return () => cancel();
}
