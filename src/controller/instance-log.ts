import { ApiError } from '../api/errors.ts';
import { type Instance, keyOf, keyText, type ObjectKey } from '../api/objects.ts';
import { LogPosition } from '../client/log-position.ts';
import type { Resources } from '../client/resources.ts';
import type { LogApi, LogEntry, LogOptions } from '../client/streams.ts';
import { protocolOf } from '../conversations/ports.ts';
import {
  type Driver,
  DriverError,
  type LogOptions as DriverLogOptions,
  type LogLine,
  type RunSpan,
} from '../drivers/driver.ts';
import { exitText } from '../plan/restart.ts';
import { instant, shortTime } from '../plan/times.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import type { Transcript } from '../protocols/protocol.ts';
import type { Controller } from './controller.ts';

/** The output of Instances, read from their drivers. */
export class InstanceLogs implements LogApi {
  readonly #controller: Pick<Controller, 'cache' | 'runtimes'>;
  readonly #resources: Pick<Resources, 'get'>;
  readonly #clock: Clock;

  constructor(
    controller: Pick<Controller, 'cache' | 'runtimes'>,
    resources: Pick<Resources, 'get'>,
    clock: Clock,
  ) {
    this.#controller = controller;
    this.#resources = resources;
    this.#clock = clock;
  }

  async *log(key: ObjectKey, options: LogOptions): AsyncGenerator<LogEntry> {
    const { instances } = this.#controller.cache;
    const instance = instances.get(keyText(key)) ?? (await this.#resources.get('Instance', key));
    yield* instanceLog(this.#controller, this.#clock, instance, options);
  }
}

async function* instanceLog(
  { cache, runtimes }: Pick<Controller, 'cache' | 'runtimes'>,
  clock: Clock,
  instance: Instance,
  options: LogOptions,
): AsyncGenerator<LogEntry> {
  const key = keyOf(instance);
  const agent = cache.agents.get(keyText({ ...key, name: instance.spec.agentName }));
  const protocol = agent === undefined ? undefined : protocolOf(agent.spec);
  const transcript = options.raw === true ? undefined : protocol?.transcript;
  const shown = (lines: AsyncIterable<LogEntry>): AsyncIterable<LogEntry> =>
    transcript === undefined ? lines : transcribed(lines, transcript());
  const { follow = false, tail, since, signal } = options;
  if (follow && options.runs === true && options.previous !== true) {
    const { uid } = instance.metadata;
    const find = (): Instance | undefined => {
      const found = cache.instances.get(keyText(key));
      return found?.metadata.uid === uid ? found : undefined;
    };
    const read = (of: Instance, ref: string, how: DriverLogOptions): AsyncIterable<LogLine> => {
      const session = runtimes.session(of.spec.runtimeRef.name);
      if (session === undefined) throw outOfReach(of);
      return logsOf(session.driver)(ref, how);
    };
    yield* followRuns({ find, read, shown, clock, signal }, { tail, since });
    return;
  }
  const session = runtimes.session(instance.spec.runtimeRef.name);
  if (session === undefined) throw new ApiError('ServiceUnavailable', outOfReach(instance).message);
  if (options.previous === true) {
    const run = lastEnded(instance);
    yield* shown(
      outputOf(session.driver, refOf(instance, run.number), { follow: false, tail, since, run, signal }),
    );
    return;
  }
  const ref = instance.status?.run?.ref ?? instance.status?.run?.previous?.ref;
  if (ref === undefined) return;
  yield* shown(logsOf(session.driver)(ref, { follow, tail, since, signal }));
}

function logsOf(driver: Driver): NonNullable<Driver['logs']> {
  if (driver.logs !== undefined) return driver.logs;
  throw new ApiError('BadRequest', 'Its Runtime keeps no output.');
}

/** Returns the container or process of the run that ended last; undefined if it is known to be removed. */
function refOf({ status }: Instance, ended: number): string | undefined {
  const { run } = status ?? {};
  const isNewest = run?.number === ended || run?.previous === undefined;
  return isNewest ? run?.ref : run.previous?.ref;
}

/** Yields the output of one ended run. Throws ApiError if that was removed, for example after a change of the spec. */
async function* outputOf(
  driver: Driver,
  ref: string | undefined,
  options: DriverLogOptions & { run: RunSpan },
): AsyncGenerator<LogLine> {
  const deleted = `The output of run ${options.run.number} was deleted when its container or folder was removed.`;
  if (ref === undefined) throw new ApiError('BadRequest', deleted);
  try {
    yield* logsOf(driver)(ref, options);
  } catch (error) {
    if (!(error instanceof DriverError) || error.code !== 'Gone') throw error;
    throw new ApiError('BadRequest', deleted, { cause: error });
  }
}

/** Returns the run that `previous` means, as in kubectl: the run that ended last. Throws ApiError if there is none. */
function lastEnded({ metadata: { name }, status }: Instance): RunSpan {
  const { lastExit } = status ?? {};
  if (lastExit === undefined) throw new ApiError('BadRequest', `No run of ${name} has ended yet.`);
  const startedAt = instant(lastExit.startedAt);
  if (startedAt === undefined)
    throw new ApiError('BadRequest', `The last run of ${name} has no output: ${exitText(lastExit)}`);
  return { number: lastExit.run, startedAt, finishedAt: instant(lastExit.finishedAt) };
}

/** Yields a transcript of standard output, and standard error unchanged. */
async function* transcribed(
  lines: AsyncIterable<LogEntry>,
  transcript: Transcript,
): AsyncGenerator<LogEntry> {
  let last: LogEntry | undefined;
  for await (const line of lines) {
    if (line.stream !== 'stdout') {
      yield line;
      continue;
    }
    last = line;
    for (const text of transcript(line.text)) yield { ...line, text };
  }
  if (last !== undefined) for (const text of transcript.flush()) yield { ...last, text };
}

interface Followed {
  /** Returns the current Instance, or undefined if it is gone. */
  find(): Instance | undefined;
  /** Reads its output from its Runtime. Throws DriverError Offline if the Runtime is unreachable. */
  read(instance: Instance, ref: string, options: DriverLogOptions): AsyncIterable<LogLine>;
  /** Turns the lines of one run into the lines to show. */
  shown(lines: AsyncIterable<LogEntry>): AsyncIterable<LogEntry>;
  clock: Clock;
  signal: AbortSignal;
}

interface Run {
  number: number;
  ref: string;
  /** Absent: include the output of all earlier runs that `ref` still has. */
  span?: RunSpan | undefined;
}

/** Milliseconds between checks whether the next run has begun. */
const lookMs = 200;
/** Milliseconds: the status may show the end of a run this much later than its output ends. */
const endMs = 2_000;
const offlineMs = 1_000;

/**
 * Yields the output of an Instance across its runs and Runtimes, until the Instance is gone or the signal aborts. Adds
 * notes about ends and starts.
 */
async function* followRuns(
  followed: Followed,
  options: Pick<DriverLogOptions, 'tail' | 'since'>,
): AsyncGenerator<LogEntry> {
  const { clock, signal } = followed;
  let read: number | undefined;
  const begun = clock.now();
  let logged = '';
  while (!signal.aborted) {
    const instance = followed.find();
    if (instance === undefined) {
      yield note(clock, 'The instance was deleted.');
      return;
    }
    const run = nextRun(instance, read);
    if (run === undefined) {
      // A new Instance is about to start, so its pause is not reported yet.
      const isNew = read === undefined && clock.now() < begun + endMs;
      const pause = isNew ? undefined : pauseOf(instance, read);
      if (pause !== undefined && pause.key !== logged) {
        logged = pause.key;
        yield note(clock, pause.text);
      }
      await sleep(clock, lookMs, signal);
      continue;
    }
    if (read !== undefined) yield note(clock, `Run ${run.number} began.`);
    yield* followed.shown(readRun(followed, instance, run, read === undefined ? options : {}));
    read = run.number;
  }
}

/** Returns the oldest unread run whose output can be found. */
function nextRun({ status }: Instance, read: number | undefined): Run | undefined {
  const { run, lastExit } = status ?? {};
  if (run === undefined) return undefined;
  const { ref, number } = run;
  if (read === undefined) {
    if (ref !== undefined) return { number, ref };
    // The newest run is claimed but has no container or process yet. The previous run has one.
    return run.previous?.ref === undefined ? undefined : { number: number - 1, ref: run.previous.ref };
  }
  if (ref === undefined || number <= read) return undefined;
  const missedAt = instant(lastExit?.startedAt);
  if (lastExit !== undefined && lastExit.run > read && lastExit.run < number && missedAt !== undefined) {
    const span = { number: lastExit.run, startedAt: missedAt, finishedAt: instant(lastExit.finishedAt) };
    return { number: lastExit.run, ref, span };
  }
  return { number, ref, span: { number, startedAt: instant(run.startedAt) ?? 0 } };
}

/** What to report while nothing runs. Each `key` is reported once. */
function pauseOf({ status }: Instance, read: number | undefined): { key: string; text: string } | undefined {
  const { run, lastExit, phase = 'Pending', message = '', backoffUntil } = status ?? {};
  if (run === undefined) return { key: 'none', text: `It has not started yet. ${message}`.trimEnd() };
  if (lastExit === undefined || lastExit.run < (read ?? 1)) return undefined;
  const end = exitText(lastExit);
  const isOver = phase === 'Failed' || phase === 'Completed' || phase === 'Stopped' || phase === 'Asleep';
  if (isOver)
    return { key: `${lastExit.run} ${phase}`, text: phase === 'Failed' ? message : `${end} ${message}` };
  const until = instant(backoffUntil);
  const next = until === undefined ? '' : ` It starts again at ${shortTime(until)}.`;
  return { key: `${lastExit.run}`, text: `${end}${next}` };
}

/** Yields the output of one run to its end. Reopens a lost stream where it broke. */
async function* readRun(
  followed: Followed,
  instance: Instance,
  { number, ref, span }: Run,
  options: Pick<DriverLogOptions, 'tail' | 'since'>,
): AsyncGenerator<LogEntry> {
  const { clock, signal } = followed;
  const position = new LogPosition();
  let isLost = false;
  const hasEnded = (): boolean => {
    const { run, lastExit } = followed.find()?.status ?? {};
    return run === undefined || run.number > number || (lastExit?.run ?? 0) >= number;
  };
  while (!signal.aborted) {
    const from = position.since ?? options.since;
    const tail = position.since === undefined ? options.tail : undefined;
    try {
      for await (const line of followed.read(instance, ref, {
        follow: true,
        run: span,
        tail,
        since: from,
        signal,
      })) {
        isLost = false;
        if (position.isNew(line)) yield line;
      }
    } catch (error) {
      if (!(error instanceof DriverError)) throw error;
      if (error.kind === 'Offline') {
        if (!isLost) yield note(clock, `${error.message} The logs continue when it is back.`);
        isLost = true;
        position.reopen();
        await sleep(clock, offlineMs, signal);
        continue;
      }
      // Replaced or removed: the status will show the end.
      if (error.code !== 'Gone') throw error;
    }
    const deadline = clock.now() + endMs;
    while (!signal.aborted && !hasEnded() && (clock.now() < deadline || !position.canReopen))
      await sleep(clock, lookMs, signal);
    if (hasEnded()) return;
    position.reopen();
  }
}

const note = (clock: Clock, text: string): LogEntry => ({ stream: 'note', at: clock.now(), text });

/** The error for a Runtime without a session. */
const outOfReach = (instance: Instance): DriverError =>
  new DriverError(
    'Offline',
    'RuntimeOffline',
    `The Runtime ${instance.spec.runtimeRef.name} of ${keyText(instance.metadata)} cannot be reached.`,
  );
