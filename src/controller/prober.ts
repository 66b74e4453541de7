import type { Probe } from '../api/objects.ts';
import { parseDuration } from '../api/time.ts';
import type { RunSpec } from '../drivers/driver.ts';
import type { Plan } from '../plan/action.ts';
import type { ProbeView, World } from '../plan/world.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import { type Meters, noMeters } from '../platform/meters.ts';
import { check, type Finding, LogWatch, unknown, unlessAborted } from './check.ts';
import type { Session } from './session.ts';

/** What a probe needs of a Runtime's session. */
export type ProbeSession = Pick<Session, 'driver' | 'sees'>;

export interface ProbeTarget {
  uid: string;
  ref: string;
  startId: string;
  /** Number of the run. */
  run: number;
  startedAt: number;
  /** When it was last known to become Ready. Then only `failureThreshold` failures in a row make it unready. */
  readySince: number | undefined;
  /** Whether this run has ever been Ready. */
  wasReady: boolean;
  /** Liveness checks begin when the run has been Ready, at the latest at this time. */
  startDeadline: number;
  /** Returns the Runtime's current session, or undefined while the Runtime is unreachable. */
  session: () => ProbeSession | undefined;
  readiness: Probe | undefined;
  liveness: Probe | undefined;
  /** Returns what the run was started with, for a driver that no longer knows it. */
  spec?: (() => Promise<RunSpec>) | undefined;
}

type Kind = 'ready' | 'live';
const names = { ready: 'readiness', live: 'liveness' } as const satisfies Record<Kind, string>;

/**
 * Milliseconds between readiness checks until the run is Ready, so that an agent is not found ready a whole period
 * late.
 */
const untilReady = 1_000;

interface Watched {
  signature: string;
  abort: AbortController;
  /** Aborted when the run has been Ready. */
  wasReady: AbortController;
  view: ProbeView;
}

/** Checks running instances and keeps the last findings. Enqueues the Agent when a finding changes. Decides nothing. */
export class Prober {
  readonly #clock: Clock;
  readonly #changed: (uid: string) => void;
  readonly #meters: Meters;
  readonly #watched = new Map<string, Watched>();
  readonly #loops = new Set<Promise<void>>();

  constructor(clock: Clock, changed: (uid: string) => void, meters = noMeters) {
    this.#clock = clock;
    this.#changed = changed;
    this.#meters = meters;
  }

  view(uid: string): ProbeView {
    return this.#watched.get(uid)?.view ?? {};
  }

  /** Probes this run from now on. Stops probing an earlier run of the same Instance. */
  watch(target: ProbeTarget): void {
    const { uid, ref, startId, readySince, wasReady, readiness, liveness } = target;
    if (readiness === undefined && liveness === undefined) {
      this.forget(uid);
      return;
    }
    const signature = JSON.stringify([ref, startId, readiness, liveness]);
    const known = this.#watched.get(uid);
    if (known?.signature === signature) {
      if (wasReady) known.wasReady.abort();
      return;
    }
    known?.abort.abort();
    const view: ProbeView =
      readySince === undefined ? {} : { ready: { ok: true, since: readySince, message: '' } };
    const watched: Watched = {
      signature,
      abort: new AbortController(),
      wasReady: new AbortController(),
      view,
    };
    if (wasReady) watched.wasReady.abort();
    this.#watched.set(uid, watched);
    if (readiness !== undefined) this.#begin(watched, target, readiness, 'ready');
    if (liveness !== undefined) this.#begin(watched, target, liveness, 'live');
  }

  forget(uid: string): void {
    this.#watched.get(uid)?.abort.abort();
    this.#watched.delete(uid);
  }

  /** Resolves when no check is in progress. */
  async stop(): Promise<void> {
    for (const uid of [...this.#watched.keys()]) this.forget(uid);
    await Promise.all(this.#loops);
  }

  #begin(watched: Watched, target: ProbeTarget, probe: Probe, kind: Kind): void {
    const loop = this.#loop(watched, target, probe, kind).finally(() => this.#loops.delete(loop));
    this.#loops.add(loop);
  }

  async #loop(watched: Watched, target: ProbeTarget, probe: Probe, kind: Kind): Promise<void> {
    const { signal } = watched.abort;
    await this.#first(watched, target, probe, kind);
    // `found` wakes the loop, because the line may come between two checks.
    let wake = new AbortController();
    const log =
      probe.log &&
      new LogWatch({
        ...target,
        pattern: probe.log.pattern,
        run: { number: target.run, startedAt: target.startedAt },
        // The line may have been rotated away since the run became Ready.
        matched: kind === 'ready' && watched.wasReady.signal.aborted,
        clock: this.#clock,
        signal,
        found: () => wake.abort(),
      });
    const row = new Row(probe);
    while (!signal.aborted) {
      const { outcome, message } = await this.#check(watched, target, probe, kind, row, log);
      if (signal.aborted) return;
      this.#meters.probes.inc({ probe: names[kind], result: outcome });
      if (outcome === 'Unknown') this.#unknown(watched, target, kind, message);
      else this.#known(watched, target, kind, row, outcome === 'Ok', message);
      const waiting = kind === 'ready' && watched.view.ready?.ok !== true;
      const period = parseDuration(probe.period);
      const next = AbortSignal.any([signal, wake.signal]);
      await sleep(this.#clock, waiting ? Math.min(period, untilReady) : period, next);
      wake = new AbortController();
    }
  }

  /** Waits until the first check is due. */
  async #first({ abort, wasReady }: Watched, target: ProbeTarget, probe: Probe, kind: Kind): Promise<void> {
    const { startedAt, startDeadline } = target;
    const until = async (instant: number, signal: AbortSignal): Promise<void> => {
      const left = instant - this.#clock.now();
      if (left > 0) await sleep(this.#clock, left, signal);
    };
    await until(startedAt + parseDuration(probe.initialDelay), abort.signal);
    if (kind === 'live') await until(startDeadline, AbortSignal.any([abort.signal, wasReady.signal]));
  }

  /**
   * Runs one check. A failure that would change the view counts only if the Runtime still answers and shows the run.
   */
  async #check(
    { view, abort: { signal } }: Watched,
    { ref, startId, session: current, spec }: ProbeTarget,
    probe: Probe,
    kind: Kind,
    row: Row,
    log: LogWatch | undefined,
  ): Promise<Finding> {
    const session = current();
    if (session === undefined) return unknown('The Runtime is not available now.');
    const finding =
      log === undefined
        ? await check(probe, { driver: session.driver, ref, spec }, this.#clock, signal)
        : log.check(session.driver);
    if (finding.outcome !== 'Failed' || signal.aborted) return finding;
    const decides = view[kind]?.ok !== false && row.wouldDecide(false);
    if (decides && (await unlessAborted(session.sees(ref, startId), signal)) !== true)
      return unknown('The Runtime does not answer.');
    return current() === session ? finding : unknown('The Runtime was lost during the check.');
  }

  #known(watched: Watched, { uid }: ProbeTarget, kind: Kind, row: Row, ok: boolean, message: string): void {
    row.add(ok);
    const { unknown: _, ...view } = watched.view;
    if (kind === 'ready') watched.view = view;
    const before = view[kind];
    if (before?.ok === ok || !(row.decides || (before === undefined && kind === 'ready' && !ok))) return;
    watched.view = { ...watched.view, [kind]: { ok, since: this.#clock.now(), message } };
    this.#changed(uid);
  }

  #unknown(watched: Watched, { uid, session }: ProbeTarget, kind: Kind, message: string): void {
    const { view } = watched;
    if (kind === 'ready') {
      if (view.unknown === message) return;
      watched.view = { ...view, unknown: message };
      if (view.ready === undefined) this.#changed(uid);
    } else if (view.live?.ok === false && session() === undefined) {
      // The check may have failed because the Runtime was already failing, so one more check must confirm it.
      const { live: _, ...rest } = view;
      watched.view = rest;
    }
  }
}

/** Counts checks in a row with the same result. `Unknown` results are not added. */
class Row {
  readonly #probe: Probe;
  #ok = false;
  #length = 0;

  constructor(probe: Probe) {
    this.#probe = probe;
  }

  add(ok: boolean): void {
    this.#length = this.#ok === ok ? this.#length + 1 : 1;
    this.#ok = ok;
  }

  get decides(): boolean {
    return this.#length >= this.#threshold(this.#ok);
  }

  /** Whether one more result would reach the threshold. */
  wouldDecide(ok: boolean): boolean {
    return (this.#ok === ok ? this.#length + 1 : 1) >= this.#threshold(ok);
  }

  #threshold(ok: boolean): number {
    return ok ? this.#probe.successThreshold : this.#probe.failureThreshold;
  }
}

interface Unconfirmed {
  /** Instances whose run was not looked at yet. Nothing is done for them in this pass. */
  names: ReadonlySet<string>;
  /** Resolves after the looks, with whether all of them succeeded. */
  looked: Promise<boolean>;
}

/**
 * Looks once more at each run that the plan calls Ready for the first time, unless a look began since it became Ready:
 * an engine may report late that the run has ended.
 */
export function confirmReady(
  world: World,
  plan: Plan,
  session: (runtime: string) => Session | undefined,
): Unconfirmed | undefined {
  const unseen = world.instances.flatMap(({ object }) => {
    const { name } = object.metadata;
    const { readySince, run } = plan.instances.get(name) ?? {};
    const runtime = session(object.spec.runtimeRef.name);
    if (readySince === undefined || readySince === object.status?.readySince) return [];
    if (runtime === undefined || run?.ref === undefined) return [];
    const { ref } = run;
    const since = Date.parse(readySince);
    const seen = (): boolean => runtime.lookedAt(ref) >= since;
    return seen() ? [] : [{ name, look: () => runtime.look(ref, since), seen }];
  });
  if (unseen.length === 0) return undefined;
  const looks = Promise.all(unseen.map(({ look }) => look()));
  return {
    names: new Set(unseen.map(({ name }) => name)),
    looked: looks.then(() => unseen.every(({ seen }) => seen())),
  };
}
