import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { connect } from 'node:net';
import { parseDuration } from '../api/duration.ts';
import type { Probe } from '../api/objects.ts';
import type { Driver } from '../drivers/driver.ts';
import type { ProbeView } from '../plan/world.ts';
import { type Clock, sleep } from '../platform/clock.ts';

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
    for (let row = { ok: false, length: 0 }; !signal.aborted; ) {
      const { ok, message } = await check(probe, target, signal);
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
      await sleep(this.#clock, waiting ? Math.min(period, untilReady) : period, signal);
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
    if (probe.log !== undefined) return await logMatches(probe.log.pattern, target, signal);
    const port = probe.httpGet?.port ?? probe.tcpSocket?.port;
    if (port === undefined) return { ok: false, message: 'The probe checks nothing.' };
    const address = await target.driver.address(target.ref, port);
    if (address === undefined) return { ok: false, message: `Port ${port} cannot be reached from here.` };
    if (probe.httpGet !== undefined) return await httpAnswers(probe.httpGet, address, timeout);
    return await tcpOpens(address, timeout);
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

function httpAnswers(
  probe: NonNullable<Probe['httpGet']>,
  address: { host: string; port: number },
  timeout: number,
): Promise<{ ok: boolean; message: string }> {
  return new Promise((resolve) => {
    const get = probe.scheme === 'HTTPS' ? httpsGet : httpGet;
    const headers = Object.fromEntries((probe.httpHeaders ?? []).map(({ name, value }) => [name, value]));
    const request = get(
      { ...address, path: probe.path, headers, timeout, agent: false, rejectUnauthorized: false },
      (response) => {
        response.resume();
        const status = response.statusCode ?? 0;
        const ok = status >= 200 && status < 400;
        resolve({ ok, message: ok ? '' : `GET ${probe.path} on port ${probe.port} answered ${status}.` });
      },
    );
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeout} ms`)));
    request.on('error', (error) =>
      resolve({ ok: false, message: `GET ${probe.path} on port ${probe.port}: ${error.message}` }),
    );
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

/** Looks through this run's output so far. */
async function logMatches(
  pattern: string,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<{ ok: boolean; message: string }> {
  const expression = new RegExp(pattern);
  const lines = target.driver.logs(target.ref, { follow: false, since: target.startedAt, signal });
  for await (const { text } of lines) if (expression.test(text)) return { ok: true, message: '' };
  return { ok: false, message: `No line of the output matches ${pattern} yet.` };
}
