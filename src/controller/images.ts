import type { Cancel, Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { retryDelay } from '../platform/retry.ts';
import type { Session } from './session.ts';

interface Watched {
  id: string | undefined;
  interval: number;
  /** When it was last asked for. */
  asked: number;
  /** Failed looks in a row, and the cause of the last one. */
  failures: number;
  cause: string | undefined;
  cancel: Cancel;
}

/** After a look that failed, where the interval is longer. */
const retry = { from: 10_000, upTo: 600_000 };

/** Agents are observed once a minute at least: what none has asked for over so long is used no more. */
const unused = 150_000;

/** For restartOn ImageUpdate: asks each Runtime for newer images, at the interval that the policies ask for. */
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

  /** The newest id that is known; asks for it from now on. */
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

  /** The first look takes what the Runtime has: the image of a run that is up already is not pulled anew at once. */
  async #check(session: Session, image: string, watched: Watched, first: boolean): Promise<void> {
    try {
      const id = await session.driver.imageId(image, { pull: !first });
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
