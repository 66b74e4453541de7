import { AgentctlError } from '../api/errors.ts';
import type { Clock } from '../platform/clock.ts';
import { unlessAborted } from './check.ts';
import type { Keys, ReconcileContext, Reconciler, Requeue } from './manager.ts';
import type { Session } from './session.ts';

interface Watched {
  session: Session;
  image: string;
  id: string | undefined;
  interval: number;
  /** When `newest` last asked for it. */
  asked: number;
  /** The first check does not pull: otherwise an image of a running instance would be pulled again at once. */
  isFirst: boolean;
}

/** Milliseconds. Agents are observed at least once a minute, so an image that was not asked for that long is unused. */
const unused = 150_000;

class CheckFailed extends AgentctlError<'CheckFailed'> {
  constructor({ image, interval }: Watched, cause: unknown) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const retry = { from: Math.min(interval, 10_000), upTo: Math.min(interval, 600_000) };
    super('CheckFailed', `the check for a newer ${image} failed: ${message}`, { cause, retry });
    this.name = 'CheckFailed';
  }
}

/** For restartOn ImageUpdate: checks each Runtime for newer images, at the interval of the policies. */
export class Images implements Reconciler {
  readonly name = 'images';
  /** A pull may take minutes. */
  readonly workers = 8;
  readonly #clock: Clock;
  readonly #keys: Keys;
  readonly #changed: () => void;
  /** By key: the Runtime's name and the image's. */
  readonly #watched = new Map<string, Watched>();

  constructor(clock: Clock, keys: Keys, changed: () => void) {
    this.#clock = clock;
    this.#keys = keys;
    this.#changed = changed;
  }

  /** Returns the newest known image id. Checks for newer ones from now on. */
  newest(session: Session, image: string, interval: number): string | undefined {
    const key = `${session.runtime.metadata.name}/${image}`;
    const known = this.#watched.get(key);
    const asked = this.#clock.now();
    if (known?.session === session && known.interval <= interval) {
      known.asked = asked;
      return known.id;
    }
    const before = known?.session === session ? known : undefined;
    const watched = { session, image, id: before?.id, interval, asked, isFirst: before === undefined };
    this.#watched.set(key, watched);
    this.#keys.add(key);
    return watched.id;
  }

  forget(session: Session): void {
    for (const [key, watched] of this.#watched) if (watched.session === session) this.#watched.delete(key);
  }

  async reconcile(key: string, { signal }: ReconcileContext): Promise<Requeue | undefined> {
    const watched = this.#watched.get(key);
    if (watched === undefined) return undefined;
    if (this.#clock.now() - watched.asked > unused) {
      this.#watched.delete(key);
      return undefined;
    }
    const { driver } = watched.session;
    try {
      const looked = driver.images?.id(watched.image, { pull: !watched.isFirst });
      const id = looked && (await unlessAborted(looked, signal));
      watched.isFirst = false;
      if (id !== undefined && id !== watched.id) {
        watched.id = id;
        this.#changed();
      }
    } catch (error) {
      if (this.#watched.get(key) === watched) throw new CheckFailed(watched, error);
    }
    return { requeueAt: this.#clock.now() + watched.interval };
  }
}
