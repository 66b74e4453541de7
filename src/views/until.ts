import { isApiError } from '../api/errors.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { AnyObject, ObjectKey } from '../api/objects.ts';
import { itemsOf, type Resources } from '../client/resources.ts';
import type { Cancel, Clock } from '../platform/clock.ts';
import type { Judge, Judgement, Reason } from './judges.ts';

export type Outcome = { result: 'met'; how?: 'Asleep' } | { result: 'timedOut' | 'never'; why: Reason };

/** One object that is waited for. */
export interface Awaited {
  info: KindInfo;
  key: ObjectKey;
  judge: Judge;
  onPending?: (why: Reason) => void;
  onOutcome: (outcome: Outcome) => void;
}

export interface WaitOptions {
  /** In milliseconds, for each object. */
  timeout: number;
  clock: Clock;
  signal: AbortSignal;
}

type Reader = Pick<Resources, 'list' | 'watch'>;

/** A `never` must hold this long: a change that fixes it may not have reached the controller yet. */
const settleMs = 500;

/**
 * Up to this many objects of a kind and namespace have a list and watch each, which read only them; more objects share
 * one.
 */
const few = 8;

/** Like untilEach, for one object. */
export async function until(
  resources: Reader,
  { info, key }: Pick<Awaited, 'info' | 'key'>,
  judge: Judge,
  { onPending, ...options }: WaitOptions & Pick<Awaited, 'onPending'>,
): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  await untilEach(
    resources,
    [{ info, key, judge, onOutcome: resolve, ...(onPending && { onPending }) }],
    options,
  );
  return promise;
}

/**
 * Watches objects until the judge of each has decided, or the time is over; reports each outcome when it is known. A
 * lost watch starts again with a list.
 */
export async function untilEach(
  resources: Reader,
  all: readonly Awaited[],
  { timeout, clock, signal }: WaitOptions,
): Promise<void> {
  const over = new AbortController();
  const cancel = alarm(clock, timeout, over);
  const ended = AbortSignal.any([over.signal, signal]);
  const groups = Map.groupBy(all, ({ info, key }) => `${info.kind}/${key.namespace ?? ''}`);
  const watches = [...groups.values()].flatMap(([first, ...more]) => {
    if (first === undefined) return []; // a group has at least one
    return more.length < few
      ? [first, ...more].map((each) => new Group([each], clock))
      : [new Group([first, ...more], clock)];
  });
  try {
    await Promise.all(watches.map((group) => group.watch(resources, ended)));
  } finally {
    cancel();
    over.abort(); // if one has failed, the others need not continue
  }
}

interface State extends Awaited {
  last: Judgement;
  cancelDoom?: Cancel | undefined;
  ended: boolean;
}

/** Objects of one kind and namespace. */
class Group {
  readonly #info: KindInfo;
  readonly #namespace: string | undefined;
  readonly #states: ReadonlyMap<string, readonly State[]>;
  readonly #clock: Clock;
  #left: number;
  /** Aborted when nothing is waited for any more. */
  readonly #done = new AbortController();

  constructor(all: readonly [Awaited, ...Awaited[]], clock: Clock) {
    const [{ info, key }] = all;
    this.#info = info;
    this.#namespace = key.namespace;
    const last: Judgement = { pending: { is: 'Unknown' } };
    const states = all.map((each): State => ({ ...each, last, ended: false }));
    this.#states = Map.groupBy(states, (each) => each.key.name);
    this.#left = states.length;
    this.#clock = clock;
  }

  async watch(resources: Reader, ended: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([ended, this.#done.signal]);
    const { kind } = this.#info;
    const names = [...this.#states.keys()];
    const selection = {
      namespace: this.#namespace,
      ...(names.length === 1 && { fieldSelector: `metadata.name=${names[0]}` }),
    };
    try {
      do {
        const list = await resources.list(kind, selection);
        const found = new Map(itemsOf(this.#info, list).map((object) => [object.metadata.name, object]));
        for (const name of names) this.#look(name, found.get(name));
        if (signal.aborted) break;
        try {
          const { resourceVersion } = list.metadata;
          for await (const event of resources.watch(kind, { ...selection, resourceVersion, signal })) {
            if (event.type === 'BOOKMARK') continue;
            const { object } = event;
            this.#look(object.metadata.name, event.type === 'DELETED' ? undefined : object);
          }
        } catch (error) {
          if (!signal.aborted && !isApiError(error, 'Expired')) throw error;
        }
      } while (!signal.aborted);
      for (const state of [...this.#states.values()].flat()) this.#end(state);
    } finally {
      for (const { cancelDoom } of [...this.#states.values()].flat()) cancelDoom?.();
    }
  }

  #look(name: string, object: AnyObject | undefined): void {
    for (const state of this.#states.get(name) ?? []) {
      if (state.ended) continue;
      const judgement = state.judge(object);
      state.last = judgement;
      if (judgement === 'met' || 'met' in judgement) this.#end(state);
      else if ('never' in judgement) state.cancelDoom ??= this.#clock.after(settleMs, () => this.#end(state));
      else {
        state.cancelDoom?.();
        state.cancelDoom = undefined;
        state.onPending?.(judgement.pending);
      }
    }
  }

  #end(state: State): void {
    if (state.ended) return;
    state.ended = true;
    state.cancelDoom?.();
    this.#left -= 1;
    state.onOutcome(outcomeOf(state.last));
    if (this.#left === 0) this.#done.abort();
  }
}

function outcomeOf(judgement: Judgement): Outcome {
  if (judgement === 'met') return { result: 'met' };
  if ('met' in judgement) return { result: 'met', how: judgement.met };
  if ('never' in judgement) return { result: 'never', why: judgement.never };
  return { result: 'timedOut', why: judgement.pending };
}

/** Timers are limited to 2^31 ms; a longer wait uses several. */
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
