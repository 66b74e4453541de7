import { type Instance, keyText } from '../api/objects.ts';
import { LogPosition } from '../client/log-position.ts';
import type { LogEntry } from '../client/streams.ts';
import { DriverError, type LogLine, type LogOptions, type RunSpan } from '../drivers/driver.ts';
import { exitText } from '../plan/restart.ts';
import { instant, shortTime } from '../plan/times.ts';
import { type Clock, sleep } from '../platform/clock.ts';

export interface Followed {
  /** Returns the current Instance, or undefined if it is gone. */
  find(): Instance | undefined;
  /** Reads its output from its Runtime. Throws DriverError Offline if the Runtime is unreachable. */
  read(instance: Instance, ref: string, options: LogOptions): AsyncIterable<LogLine>;
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
export async function* followRuns(
  followed: Followed,
  options: Pick<LogOptions, 'tail' | 'since'>,
): AsyncGenerator<LogEntry> {
  const { clock, signal } = followed;
  let read: number | undefined;
  const begun = clock.now();
  let told = '';
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
      if (pause !== undefined && pause.key !== told) {
        told = pause.key;
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
  options: Pick<LogOptions, 'tail' | 'since'>,
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
export const outOfReach = (instance: Instance): DriverError =>
  new DriverError(
    'Offline',
    'RuntimeOffline',
    `The Runtime ${instance.spec.runtimeRef.name} of ${keyText(instance.metadata)} cannot be reached.`,
  );
