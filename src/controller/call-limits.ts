import { ApiError } from '../api/errors.ts';
import type { Fleet } from '../client/fleet.ts';
import { type Allowance, Bucket } from '../platform/bucket.ts';
import { type Clock, sleep } from '../platform/clock.ts';

export interface CallLimits extends Allowance {
  /** Calls in progress at once. */
  atOnce: number;
}

/** Limits the calls of each Instance, by uid: how many at once, and how many per second. */
export class Calls {
  readonly #clock: Clock;
  readonly #limits: CallLimits;
  readonly #callers = new Map<string, { inWork: number; bucket: Bucket }>();

  constructor(clock: Clock, limits: CallLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * Runs the work, after a delay if the rate is exceeded. Throws ApiError TooManyRequests if too many calls are in
   * progress.
   */
  async run<T>(uid: string, work: () => Promise<T>): Promise<T> {
    const caller = this.#callers.get(uid) ?? { inWork: 0, bucket: new Bucket(this.#clock, this.#limits) };
    this.#callers.set(uid, caller);
    if (caller.inWork >= this.#limits.atOnce)
      throw new ApiError(
        'TooManyRequests',
        `This instance has ${caller.inWork} requests in progress. Wait for an answer before you send the next one.`,
      );
    caller.inWork += 1;
    try {
      caller.bucket.charge(1);
      if (caller.bucket.debt > 0) await sleep(this.#clock, caller.bucket.debt);
      return await work();
    } finally {
      caller.inWork -= 1;
      if (this.#callers.size > mostIdle) this.#forgetIdle();
    }
  }

  #forgetIdle(): void {
    for (const [uid, { inWork, bucket }] of this.#callers)
      if (inWork === 0 && bucket.full) this.#callers.delete(uid);
  }
}

const mostIdle = 1_000;

/** Returns the same Fleet, limited by `calls`. */
export function limited(fleet: Fleet, calls: Calls, uid: string): Fleet {
  const run = <T>(work: () => Promise<T>): Promise<T> => calls.run(uid, work);
  return {
    list: () => run(() => fleet.list()),
    send: (request, signal) => run(() => fleet.send(request, signal)),
    follow: (id, signal) => run(() => fleet.follow(id, signal)),
    preview: (manifest) => run(() => fleet.preview(manifest)),
    apply: (manifest) => run(() => fleet.apply(manifest)),
    start: (name) => run(() => fleet.start(name)),
    stop: (name) => run(() => fleet.stop(name)),
    remove: (name) => run(() => fleet.remove(name)),
  };
}
