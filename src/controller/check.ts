import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { connect } from 'node:net';
import { logPattern } from '../api/checks/agent-checks.ts';
import type { Probe } from '../api/objects.ts';
import { parseDuration } from '../api/time.ts';
import { type Driver, DriverError, type RunSpan, type RunSpec, requireFeature } from '../drivers/driver.ts';
import { Bucket, type Clock, sleep } from '../platform/clock.ts';

/** The result of one check. `Unknown` says nothing about the instance: the check was not possible or was aborted. */
export interface Finding {
  outcome: 'Ok' | 'Failed' | 'Unknown';
  message: string;
}

interface Address {
  host: string;
  port: number;
}

/** Milliseconds that the Runtime has to begin a check, on top of the check's own timeout. */
const beginWithin = 10_000;

const passed: Finding = { outcome: 'Ok', message: '' };
const failed = (message: string): Finding => ({ outcome: 'Failed', message });
export const unknown = (message: string): Finding => ({ outcome: 'Unknown', message });

/**
 * Runs one exec, HTTP or TCP check. `timeout` limits it from its begin inside the instance. When it returns, everything
 * that it opened or started is gone, as far as the Runtime answers. Returns `Unknown` if `signal` is aborted.
 */
export async function check(
  probe: Probe,
  target: Target,
  clock: Clock,
  signal: AbortSignal,
): Promise<Finding> {
  const timeout = parseDuration(probe.timeout);
  const end = new AbortController();
  const late = new AbortController();
  const cut = (): void => end.abort();
  const cancel = clock.after(timeout + beginWithin, () => {
    late.abort();
    end.abort();
  });
  signal.addEventListener('abort', cut);
  try {
    const made = run(probe, { ...target, timeout, clock, signal: end.signal });
    return (await unlessAborted(made, late.signal)) ?? unknown(noAnswer);
  } catch (error) {
    return unknown(error instanceof Error ? error.message : String(error));
  } finally {
    cancel();
    signal.removeEventListener('abort', cut);
  }
}

interface Target {
  driver: Driver;
  ref: string;
  spec?: (() => Promise<RunSpec>) | undefined;
}

interface Check extends Target {
  /** Milliseconds. */
  timeout: number;
  clock: Clock;
  signal: AbortSignal;
}

async function run(probe: Probe, about: Check): Promise<Finding> {
  const { driver, ref } = about;
  if (probe.exec !== undefined) return exec(probe.exec.command, about);
  const port = probe.httpGet?.port ?? probe.tcpSocket?.port;
  if (port === undefined) return unknown('The probe has no check.');
  requireFeature(driver, 'address');
  const address = await unlessAborted(driver.address(ref, port), about.signal);
  if (about.signal.aborted) return unknown(cutShort);
  if (address === undefined) return unknown(`Port ${port} cannot be reached.`);
  return probe.httpGet === undefined ? opens(address, port, about) : answers(probe.httpGet, address, about);
}

async function exec(
  command: readonly string[],
  { driver, ref, timeout, signal, spec }: Check,
): Promise<Finding> {
  try {
    requireFeature(driver, 'exec');
    const { code, output } = await driver.exec(ref, command, { timeout, signal, spec });
    if (code === 0) return passed;
    const said = output.trim().slice(0, 200);
    return failed(`${command.join(' ')} ended with ${code}${said === '' ? '.' : `: ${said}`}`);
  } catch (error) {
    if (error instanceof DriverError && error.code === 'ExecTimeout') return failed(error.message);
    throw error;
  }
}

function answers(probe: NonNullable<Probe['httpGet']>, address: Address, about: Check): Promise<Finding> {
  const what = `GET ${probe.path} on port ${probe.port}`;
  const get = probe.scheme === 'HTTPS' ? httpsGet : httpGet;
  const headers = Object.fromEntries((probe.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  return bounded(about, what, 'no answer', (settle, fail) => {
    const request = get(
      { ...address, path: probe.path, headers, agent: false, rejectUnauthorized: false },
      ({ statusCode = 0 }) =>
        settle(statusCode >= 200 && statusCode < 400 ? passed : failed(`${what} answered ${statusCode}.`)),
    );
    request.on('error', fail);
    return request;
  });
}

function opens(address: Address, port: number, about: Check): Promise<Finding> {
  return bounded(about, `Port ${port}`, 'no connection', (settle, fail) => {
    const socket = connect(address);
    socket.on('connect', () => settle(passed));
    socket.on('error', fail);
    return socket;
  });
}

/** Settles once: with the result of `begin`, or at the timeout. Then destroys what `begin` returned. */
function bounded(
  { clock, timeout, signal }: Check,
  what: string,
  missed: string,
  begin: (settle: (finding: Finding) => void, fail: (error: Error) => void) => { destroy(): unknown },
): Promise<Finding> {
  return new Promise((resolve) => {
    let opened: { destroy(): unknown } | undefined;
    const settle = (finding: Finding): void => {
      cancel();
      signal.removeEventListener('abort', abort);
      opened?.destroy();
      resolve(finding);
    };
    const abort = (): void => settle(unknown(cutShort));
    const fail = (error: Error): void =>
      settle(isOurs(error) ? unknown(`${what}: ${error.message}`) : failed(`${what}: ${error.message}`));
    const cancel = clock.after(timeout, () => settle(failed(`${what}: ${missed} within ${timeout} ms`)));
    signal.addEventListener('abort', abort);
    try {
      opened = begin(settle, fail);
    } catch (error) {
      // No request was sent: Node refuses to send it.
      settle(unknown(`${what}: ${error instanceof Error ? error.message : String(error)}`));
    }
  });
}

/** Errors about resources of this host. They say nothing about the other end. */
const ours: ReadonlySet<unknown> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ENOBUFS',
  'EADDRNOTAVAIL',
  'EAGAIN',
  'EACCES',
  'EPERM',
  'EAI_AGAIN',
  'ENOTFOUND',
]);

const isOurs = (error: Error): boolean => 'code' in error && ours.has(error.code);

const cutShort = 'The check was interrupted.';
const noAnswer = 'The Runtime did not answer in time.';

/** Returns the result of the work, or undefined as soon as the signal aborts. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const end = (): void => resolve(undefined);
  signal.addEventListener('abort', end);
  try {
    return signal.aborted ? undefined : await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', end);
    work.catch(() => {}); // nobody handles its rejection any more
  }
}

/** Limit on the characters of output that are matched: per second, and at once. A line costs at least `lineCosts`. */
const pace = { rate: 2 * 1024 * 1024, burst: 8 * 1024 * 1024 };
const lineCosts = 256;
/** Only this many characters of a line are matched. */
const mostOfLine = 16 * 1024;

/** Searches the output of one run for a line, in the background. Reads a line twice only after a lost stream. */
export class LogWatch {
  readonly #deps: LogWatchDeps;
  readonly #bucket: Bucket;
  #matched: boolean;
  /** Why the output could not be read. */
  #failure: string | undefined;
  #reading: { driver: Driver; abort: AbortController } | undefined;
  /** The time of the last line that was read. */
  #since: number | undefined;

  constructor(deps: LogWatchDeps) {
    this.#deps = deps;
    this.#bucket = new Bucket(deps.clock, pace);
    this.#matched = deps.matched;
  }

  /** Returns what is known now. Starts to read if nothing reads, or if another driver is given. */
  check(driver: Driver): Finding {
    if (this.#matched) return { outcome: 'Ok', message: '' };
    const failure = this.#failure;
    if (this.#reading?.driver !== driver) this.#read(driver);
    if (failure !== undefined) return unknown(failure);
    return { outcome: 'Failed', message: `No line of the output matches ${this.#deps.pattern} yet.` };
  }

  #read(driver: Driver): void {
    this.#reading?.abort.abort();
    const reading = { driver, abort: new AbortController() };
    this.#reading = reading;
    this.#failure = undefined;
    void this.#look(driver, AbortSignal.any([this.#deps.signal, reading.abort.signal]))
      .catch((error: unknown) => {
        if (!reading.abort.signal.aborted)
          this.#failure = error instanceof Error ? error.message : String(error);
      })
      .finally(() => {
        if (this.#reading === reading) this.#reading = undefined;
      });
  }

  async #look(driver: Driver, signal: AbortSignal): Promise<void> {
    const { pattern, ref, run, clock, found } = this.#deps;
    const expression = logPattern(pattern);
    requireFeature(driver, 'logs');
    for await (const { text, at } of driver.logs(ref, { follow: true, run, since: this.#since, signal })) {
      if (expression.test(text.slice(0, mostOfLine))) {
        this.#matched = true;
        found();
        return;
      }
      if (at !== undefined) this.#since = Math.max(this.#since ?? at, at);
      this.#bucket.charge(Math.min(text.length, mostOfLine) + lineCosts);
      if (this.#bucket.debt > 0) await sleep(clock, this.#bucket.debt, signal);
    }
  }
}

export interface LogWatchDeps {
  pattern: string;
  ref: string;
  /** The run whose output it is. Its start time alone could miss lines of the first moment. */
  run: RunSpan;
  /** The line was already found earlier. */
  matched: boolean;
  clock: Clock;
  signal: AbortSignal;
  /** Called once, when the line is found. */
  found(): void;
}
