import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { connect } from 'node:net';
import { parseDuration } from '../api/duration.ts';
import type { Probe } from '../api/objects.ts';
import type { Driver } from '../drivers/driver.ts';
import type { ProbeView } from '../plan/world.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import { LogWatch } from './log-watch.ts';

export interface ProbeTarget {
  uid: string;
  ref: string;
  startId: string;
  startedAt: number;
  /** Since when it is known to be Ready: only a row of failures changes that. */
  readySince: number | undefined;
  driver: Driver;
  readiness: Probe | undefined;
  liveness: Probe | undefined;
}

/** Nobody wants to wait ten seconds more for an agent that has come up: until then it is checked this often. */
const untilReady = 1_000;

interface Watched {
  signature: string;
  abort: AbortController;
  view: ProbeView;
}

/** Checks running instances and keeps what it last found; a change of it enqueues the agent. Decides nothing. */
export class Prober {
  readonly #clock: Clock;
  readonly #changed: (uid: string) => void;
  readonly #watched = new Map<string, Watched>();

  constructor(clock: Clock, changed: (uid: string) => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  view(uid: string): ProbeView {
    return this.#watched.get(uid)?.view ?? {};
  }

  /** Probes this run from now on, and no longer an earlier one of the same Instance. */
  watch(target: ProbeTarget): void {
    const { uid, ref, startId, readySince, readiness, liveness } = target;
    if (readiness === undefined && liveness === undefined) {
      this.forget(uid);
      return;
    }
    const signature = JSON.stringify([ref, startId, readiness, liveness]);
    const known = this.#watched.get(uid);
    if (known?.signature === signature) return;
    known?.abort.abort();
    const view: ProbeView =
      readySince === undefined ? {} : { ready: { ok: true, since: readySince, message: '' } };
    const watched: Watched = { signature, abort: new AbortController(), view };
    this.#watched.set(uid, watched);
    if (readiness !== undefined) void this.#loop(watched, target, readiness, 'ready');
    if (liveness !== undefined) void this.#loop(watched, target, liveness, 'live');
  }

  forget(uid: string): void {
    this.#watched.get(uid)?.abort.abort();
    this.#watched.delete(uid);
  }

  stop(): void {
    for (const uid of [...this.#watched.keys()]) this.forget(uid);
  }

  async #loop(watched: Watched, target: ProbeTarget, probe: Probe, what: 'ready' | 'live'): Promise<void> {
    const { signal } = watched.abort;
    const first = target.startedAt + parseDuration(probe.initialDelay) - this.#clock.now();
    if (first > 0) await sleep(this.#clock, first, signal);
    // What a log probe looks for may come between two checks.
    let wake = new AbortController();
    const log =
      probe.log &&
      new LogWatch({
        ...target,
        pattern: probe.log.pattern,
        since: target.startedAt,
        clock: this.#clock,
        signal,
        found: () => wake.abort(),
      });
    for (let row = { ok: false, length: 0 }; !signal.aborted; ) {
      const { ok, message } = log === undefined ? await check(probe, target, signal) : logCheck(log, probe);
      if (signal.aborted) return;
      row = row.ok === ok ? { ok, length: row.length + 1 } : { ok, length: 1 };
      const before = watched.view[what];
      const enough = row.length >= (ok ? probe.successThreshold : probe.failureThreshold);
      if (before?.ok !== ok && (enough || (before === undefined && what === 'ready' && !ok))) {
        watched.view = { ...watched.view, [what]: { ok, since: this.#clock.now(), message } };
        this.#changed(target.uid);
      }
      const waiting = what === 'ready' && watched.view.ready?.ok !== true;
      const period = parseDuration(probe.period);
      const next = AbortSignal.any([signal, wake.signal]);
      await sleep(this.#clock, waiting ? Math.min(period, untilReady) : period, next);
      wake = new AbortController();
    }
  }
}

async function check(
  probe: Probe,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<{ ok: boolean; message: string }> {
  const timeout = parseDuration(probe.timeout);
  try {
    if (probe.exec !== undefined) {
      const { code, output } = await target.driver.exec(target.ref, probe.exec.command, { timeout });
      return code === 0
        ? { ok: true, message: '' }
        : {
            ok: false,
            message: `${probe.exec.command.join(' ')} ended with ${code}: ${output.trim().slice(0, 200)}`,
          };
    }
    const port = probe.httpGet?.port ?? probe.tcpSocket?.port;
    if (port === undefined) return { ok: false, message: 'The probe checks nothing.' };
    const address = await target.driver.address(target.ref, port);
    if (address === undefined) return { ok: false, message: `Port ${port} cannot be reached from here.` };
    if (probe.httpGet !== undefined) return await httpAnswers(probe.httpGet, address, timeout, signal);
    return await tcpOpens(address, timeout);
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

function httpAnswers(
  probe: NonNullable<Probe['httpGet']>,
  address: { host: string; port: number },
  timeout: number,
  signal: AbortSignal,
): Promise<{ ok: boolean; message: string }> {
  return new Promise((resolve) => {
    const ending = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
    const get = probe.scheme === 'HTTPS' ? httpsGet : httpGet;
    const headers = Object.fromEntries((probe.httpHeaders ?? []).map(({ name, value }) => [name, value]));
    const request = get(
      { ...address, path: probe.path, headers, signal: ending, agent: false, rejectUnauthorized: false },
      (response) => {
        request.destroy(); // the status says all: the rest may never end
        const status = response.statusCode ?? 0;
        const ok = status >= 200 && status < 400;
        resolve({ ok, message: ok ? '' : `GET ${probe.path} on port ${probe.port} answered ${status}.` });
      },
    );
    request.on('error', (error) => {
      const why = ending.aborted ? `no answer within ${timeout} ms` : error.message;
      resolve({ ok: false, message: `GET ${probe.path} on port ${probe.port}: ${why}` });
    });
  });
}

function tcpOpens(
  address: { host: string; port: number },
  timeout: number,
): Promise<{ ok: boolean; message: string }> {
  return new Promise((resolve) => {
    const socket = connect({ ...address, timeout });
    const end = (ok: boolean, message: string): void => {
      socket.destroy();
      resolve({ ok, message });
    };
    socket.on('connect', () => end(true, ''));
    socket.on('timeout', () => end(false, `Port ${address.port} did not answer within ${timeout} ms.`));
    socket.on('error', (error) => end(false, `Port ${address.port}: ${error.message}`));
  });
}

function logCheck(watch: LogWatch, { log }: Probe): { ok: boolean; message: string } {
  if (watch.matched) return { ok: true, message: '' };
  const { failure } = watch;
  watch.look();
  return { ok: false, message: failure ?? `No line of the output matches ${log?.pattern} yet.` };
}
