import type { Runtime } from '../api/objects.ts';
import { type Driver, DriverError } from '../drivers/driver.ts';
import type { Observed, RuntimeView } from '../plan/world.ts';
import { type Clock, endsWithin, sleep } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { retryDelay } from '../platform/retry.ts';

const relistEvery = 60_000;
const lookAgainAfter = 1_000;
const stopBound = 2_000;
const retry = { from: 500, upTo: 10_000 };

export interface SessionEvents {
  /** This Instance may have changed. */
  changed(observed: Observed): void;
  /** The Runtime was listed, lost or found again: everything that uses it may have changed. */
  listed(): void;
}

/**
 * The connection to one Runtime, and what was last seen there. It follows a stream for as long as the Runtime exists,
 * so it is no reconciler: it reconnects whatever the error is, and reports to the reconcilers what it sees. Events of the engine are hints: each names a container
 * to look at. After a lost stream it lists everything again. Answers may overtake each other; see `note`.
 */
export class Session {
  readonly driver: Driver;
  readonly runtime: Runtime;
  health: RuntimeView['health'];
  version = '';
  readonly #events: SessionEvents;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #abort = new AbortController();
  /**
   * `answered` is a ticket too. An answer to a question with an older ticket may be older or newer than what is known.
   */
  readonly #byRef = new Map<string, { observed: Observed | undefined; answered: number }>();
  readonly #byUid = new Map<string, Set<string>>();
  readonly #lookedAt = new Map<string, number>();
  readonly #looking = new Map<string, { again: boolean; begun: number; ended: Promise<void> }>();
  /** Refs to look at again, because a look failed. */
  readonly #later = new Set<string>();
  #stream: AbortController | undefined;
  #asked = 0;
  #lists = 0;
  #ended: Promise<void> = Promise.resolve();

  constructor(runtime: Runtime, driver: Driver, events: SessionEvents, clock: Clock, log: Log) {
    this.runtime = runtime;
    this.driver = driver;
    this.#events = events;
    this.#clock = clock;
    this.#log = log;
    this.health = {
      state: 'Syncing',
      message: 'Its containers have not been listed yet.',
      since: clock.now(),
    };
  }

  /** Number of lists since the Runtime came up. An orphan must be in two of them. */
  get lists(): number {
    return this.#lists;
  }

  start(): void {
    this.#ended = this.#run();
  }

  /** Does not wait for an engine that does not answer: closing the driver aborts its requests. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await endsWithin(this.#clock, stopBound, this.#ended);
    try {
      await this.driver.close();
    } catch (error) {
      this.#log.warn({ err: error, runtime: this.runtime.metadata.name }, 'a driver could not be closed');
    }
  }

  /** Returns what exists of an Instance, or `Unknown` while the Runtime is unreachable. */
  observed(uid: string): readonly Observed[] | 'Unknown' {
    if (this.health.state !== 'Online') return 'Unknown';
    const refs = this.#byUid.get(uid);
    if (refs === undefined) return [];
    return [...refs].flatMap((ref) => this.#byRef.get(ref)?.observed ?? []);
  }

  all(): Observed[] {
    return [...this.#byRef.values()].flatMap((entry) => entry.observed ?? []);
  }

  /**
   * Stores an answer to the question with the ticket `asked`. If a later question was answered first, the answer that
   * is further in the container's life wins. If only one of them says that the container is gone, the engine is asked
   * again.
   */
  note(ref: string, observed: Observed | undefined, asked = this.ask()): void {
    const known = this.#byRef.get(ref);
    if (known !== undefined && known.answered > asked) {
      if (observed === undefined || known.observed === undefined) {
        if ((observed === undefined) !== (known.observed === undefined)) void this.look(ref);
        return;
      }
      if (!later(observed, known.observed)) return;
    }
    this.#byRef.set(ref, { observed, answered: this.ask() });
    // An answer that shows a run was found after the run started.
    const began = Math.min(observed?.startedAt ?? 0, this.#clock.now());
    if (began > this.lookedAt(ref)) this.#lookedAt.set(ref, began);
    const uid = observed?.instanceUid ?? known?.observed?.instanceUid;
    if (uid === undefined) return;
    if (observed === undefined) this.#drop(uid, ref);
    else this.#byUid.set(uid, (this.#byUid.get(uid) ?? new Set()).add(ref));
    const about = observed ?? known?.observed;
    if (about !== undefined && !same(known?.observed, observed)) this.#events.changed(about);
  }

  /** Returns a ticket for a question to the engine. Take it before asking. */
  ask(): number {
    return ++this.#asked;
  }

  /** Returns when the last answered look at a container began, or 0 if there was none. */
  lookedAt(ref: string): number {
    return this.#lookedAt.get(ref) ?? 0;
  }

  /**
   * Looks at one container now. Hints that arrive meanwhile repeat the look. Resolves when no look is left.
   *
   * @param since a look in progress is enough if it began at this instant or later
   */
  look(ref: string, since = Number.POSITIVE_INFINITY): Promise<void> {
    const under = this.#looking.get(ref);
    if (under !== undefined) {
      under.again ||= under.begun < since;
      return under.ended;
    }
    const looking = { again: false, begun: this.#clock.now(), ended: Promise.resolve() };
    this.#looking.set(ref, looking);
    looking.ended = this.#lookOn(ref, looking);
    return looking.ended;
  }

  /** Looks at one container now. Returns whether the engine answered and shows this start of it running. */
  async sees(ref: string, startId: string): Promise<boolean> {
    const asked = this.#asked;
    await this.look(ref);
    const entry = this.#byRef.get(ref);
    return (
      this.health.state === 'Online' &&
      entry?.observed !== undefined &&
      entry.answered > asked &&
      entry.observed.state === 'Running' &&
      entry.observed.startId === startId
    );
  }

  async #lookOn(ref: string, looking: { again: boolean; begun: number }): Promise<void> {
    try {
      do {
        looking.again = false;
        const [asked, now] = [this.ask(), this.#clock.now()];
        looking.begun = now;
        const found = await this.driver.inspect(ref);
        this.#lookedAt.set(ref, now);
        this.note(ref, found, asked);
      } while (looking.again);
    } catch (error) {
      if (error instanceof DriverError && error.kind === 'Offline') this.#goOffline(error);
      else {
        this.#log.debug({ err: error, ref }, 'a container could not be inspected');
        this.#lookLater(ref);
      }
    } finally {
      this.#looking.delete(ref);
    }
  }

  /** Schedules another look, because the hint that asked for it does not come again. */
  #lookLater(ref: string): void {
    if (this.#later.has(ref)) return;
    this.#later.add(ref);
    this.#clock.after(lookAgainAfter, () => {
      this.#later.delete(ref);
      if (!this.#abort.signal.aborted) void this.look(ref);
    });
  }

  async list(): Promise<void> {
    const asked = this.ask();
    const found = await this.driver.list();
    const refs = new Set(found.map((observed) => observed.ref));
    for (const observed of found) this.note(observed.ref, observed, asked);
    for (const [ref, entry] of this.#byRef) {
      if (refs.has(ref) || entry.answered > asked) continue;
      if (entry.observed !== undefined) this.note(ref, undefined, asked);
      this.#byRef.delete(ref);
      this.#lookedAt.delete(ref);
    }
    this.#lists += 1;
  }

  #drop(uid: string, ref: string): void {
    const refs = this.#byUid.get(uid);
    if (refs?.delete(ref) && refs.size === 0) this.#byUid.delete(uid);
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    for (let attempt = 0; !signal.aborted; ) {
      try {
        await this.#follow(() => {
          attempt = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        this.#goOffline(error);
      }
      if (signal.aborted) return;
      attempt += 1;
      await sleep(this.#clock, retryDelay(retry, attempt, Math.random()), signal);
    }
  }

  /**
   * Returns when the stream is lost. The stream is opened before the list, so that no event is missed between the two.
   */
  async #follow(online: () => void): Promise<void> {
    this.version = (await this.driver.ping()).version;
    const stream = new AbortController();
    this.#stream = stream;
    const signal = AbortSignal.any([this.#abort.signal, stream.signal]);
    const watching = this.driver.watch((ref, seen) => {
      if (ref === undefined) void this.list().catch((error) => this.#goOffline(error));
      else if (seen !== undefined) this.note(ref, seen);
      else void this.look(ref);
    }, signal);
    watching.catch(() => {}); // it may fail during the list; the await below handles it
    try {
      await this.list();
      if (this.health.state !== 'Online') {
        this.health = { state: 'Online' };
        this.#log.info(
          { runtime: this.runtime.metadata.name, version: this.version },
          'the Runtime is reachable',
        );
      }
      online();
      this.#events.listed();
      while (!this.#abort.signal.aborted) {
        const timer = new AbortController();
        const lost = await Promise.race([
          watching.then(() => true),
          sleep(this.#clock, relistEvery, AbortSignal.any([timer.signal, this.#abort.signal])).then(
            () => false,
          ),
        ]);
        timer.abort();
        if (lost) return;
        await this.list();
        this.#events.listed();
      }
    } finally {
      stream.abort();
      await watching.catch((error: unknown) => this.#log.debug({ err: error }, 'the event stream ended'));
    }
  }

  #goOffline(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (this.health.state === 'Online' || this.health.message !== message) {
      this.#log.warn({ err: error, runtime: this.runtime.metadata.name }, 'the Runtime cannot be reached');
    }
    const since = this.health.state === 'Offline' ? this.health.since : this.#clock.now();
    this.health = { state: 'Offline', message, since };
    // An open stream is useless now. Aborting it starts the loop that reconnects.
    this.#stream?.abort();
    this.#events.listed();
  }

  /** Called when an action found the engine dead, so that nobody waits for the stream to notice. */
  offline(error: DriverError): void {
    this.#goOffline(error);
  }
}

/** Whether `a` is the later of two answers about the same container. */
function later(a: Observed, b: Observed): boolean {
  const [startedA, startedB] = [a.startedAt ?? 0, b.startedAt ?? 0];
  return startedA > startedB || (startedA === startedB && ranks[a.state] >= ranks[b.state]);
}

const ranks: Record<Observed['state'], number> = { Created: 0, Running: 1, Paused: 1, Exited: 2 };

function same(a: Observed | undefined, b: Observed | undefined): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    a.state === b.state &&
    a.startId === b.startId &&
    a.ready?.ok === b.ready?.ok &&
    a.live?.ok === b.live?.ok &&
    a.exit?.finishedAt === b.exit?.finishedAt &&
    a.exit?.code === b.exit?.code
  );
}
