import type { Cancel, Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { retryDelay } from '../platform/retry.ts';
import type { Session } from './session.ts';

interface Watched {
  id: string | undefined;
  interval: number;
  /** When `newest` last asked for it. */
  asked: number;
  /** Failed checks in a row, and the cause of the last one. */
  failures: number;
  cause: string | undefined;
  cancel: Cancel;
}

/** Milliseconds between checks after a failure, unless the interval is shorter. */
const retry = { from: 10_000, upTo: 600_000 };

/** Milliseconds. Agents are observed at least once a minute, so an image that was not asked for that long is unused. */
const unused = 150_000;

/** For restartOn ImageUpdate: checks each Runtime for newer images, at the interval of the policies. */
export class Images {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #changed: () => void;
  readonly #watched = new Map<Session, Map<string, Watched>>();

  constructor(clock: Clock, log: Log, changed: () => void) {
    this.#clock = clock;
    this.#log = log;
    this.#changed = changed;
  }

  /** Returns the newest known image id. Checks for newer ones from now on. */
  newest(session: Session, image: string, interval: number): string | undefined {
    const images = this.#watched.get(session) ?? new Map<string, Watched>();
    this.#watched.set(session, images);
    const known = images.get(image);
    const asked = this.#clock.now();
    if (known !== undefined && known.interval <= interval) {
      known.asked = asked;
      return known.id;
    }
    known?.cancel();
    const watched: Watched = {
      id: known?.id,
      interval,
      asked,
      failures: 0,
      cause: undefined,
      cancel: () => {},
    };
    images.set(image, watched);
    void this.#check(session, image, watched, known === undefined);
    return watched.id;
  }

  forget(session: Session): void {
    for (const { cancel } of this.#watched.get(session)?.values() ?? []) cancel();
    this.#watched.delete(session);
  }

  /** The first check does not pull: otherwise an image of a running instance would be pulled again at once. */
  async #check(session: Session, image: string, watched: Watched, first: boolean): Promise<void> {
    try {
      const id = await session.driver.images?.id(image, { pull: !first });
      watched.failures = 0;
      watched.cause = undefined;
      if (id !== undefined && id !== watched.id) {
        watched.id = id;
        this.#changed();
      }
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      if (watched.cause !== cause)
        this.#log.warn({ err: error, image }, 'the check for a newer image failed; it is tried again');
      watched.failures += 1;
      watched.cause = cause;
    }
    if (this.#watched.get(session)?.get(image) !== watched) return;
    const { failures, interval } = watched;
    const failed = failures > 0;
    const delay = failed ? Math.min(interval, retryDelay(retry, failures, Math.random())) : interval;
    watched.cancel = this.#clock.after(delay, () => {
      if (this.#clock.now() - watched.asked <= unused)
        void this.#check(session, image, watched, first && failed);
      else this.#watched.get(session)?.delete(image);
    });
  }
}
