import { Bucket, type Clock, sleep } from '../../platform/clock.ts';
import { attachLimits, type OutputLine } from '../attachment.ts';
import { DriverError } from '../driver.ts';
import type { Intake, Taken } from './intake.ts';
import { behind, type Position, plain, type ReadLog } from './position.ts';

export interface OutputDeps {
  /** Undefined if the run has ended. */
  live: Intake | undefined;
  /** `live` has every byte of the run from its first. */
  isWhole: boolean;
  position: Position;
  /** When the log of the run begins. */
  begin: number;
  read: ReadLog;
  /** The connection may end before the run does: then the rest is read from the log. */
  mayEndEarly: boolean;
  /** Gone: the log has no more of this run, or another run has begun. */
  state: () => Promise<'Runs' | 'Ended' | 'Gone'>;
  clock: Clock;
  /** The engine's clock is this host's. */
  local: boolean;
  /** Aborts when the attachment is closed. */
  signal: AbortSignal;
  gone: () => DriverError;
  wrap: (error: unknown) => unknown;
}

type Batches<T = void> = AsyncGenerator<readonly OutputLine[], T>;

/** While the live output is not found in the log: the interval of reads of the log, and the limit of the search. */
const lookMs = 50;
const meetWithinMs = 5_000;

/** How long an engine may take to record an exit after the end of the output. */
const endNoteMs = 10_000;

/**
 * How much of the log is buffered to find the live output in it: more than the engine and the connection can buffer.
 */
const windowBytes = 8 * 1024 * 1024;
/** This many lines of each side are enough while no output is in transit. */
const restingLines = 1000;
const batchLines = 500;

/**
 * The limit for reading live output, in bytes a second and at once: an endless line must not keep the controller busy.
 */
const reading = { rate: 16 * 1024 * 1024, burst: 64 * 1024 * 1024 };

/**
 * Yields the output of one run: the lines in the log after the position, then the live output. The log is read until it
 * reaches the beginning of the live output. Live lines that the log had already are skipped.
 */
export async function* readOutput(deps: OutputDeps): Batches {
  const { live, clock, position, signal } = deps;
  let gap = false;

  const outputLine = ({ text, cut }: Pick<OutputLine, 'text' | 'cut'>, at?: number): OutputLine => {
    position.advance(text, at);
    const line: OutputLine = { text, cursor: position.cursor() };
    if (cut !== undefined) line.cut = cut;
    if (gap) line.gap = true;
    gap = false;
    return line;
  };

  /** `sure`: yields nothing if it is uncertain which lines were delivered. */
  async function* logged(ended: boolean, sure = false): Batches {
    let batch: OutputLine[] = [];
    for await (const line of behind(position, deps.read, { begin: deps.begin, ended })) {
      if (sure && line.gap) return;
      gap ||= line.gap;
      batch.push(outputLine(shortened(line.text), line.at));
      if (batch.length < batchLines) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  /**
   * When the connection ends, the engine may still hold output from before the end of the run; after a lost connection
   * the run may still be running.
   */
  const untilEnded = async (): Promise<'Ended' | 'Gone'> => {
    const deadline = clock.now() + endNoteMs;
    for (;;) {
      const state = await deps.state();
      if (state !== 'Runs') return state;
      if (clock.now() > deadline) throw lost(undefined);
      await sleep(clock, lookMs, signal);
      signal.throwIfAborted();
    }
  };

  /** The first `skip` lines were already delivered, from the log. */
  async function* following(intake: Intake, first: Taken, skip: number): Batches {
    let left = skip;
    const pace = new Bucket(clock, reading);
    for (let taken = first; ; taken = intake.take()) {
      if (deps.local && left === 0 && taken.quietUntil !== undefined) position.quietUntil(taken.quietUntil);
      const fresh = taken.lines.slice(left);
      left -= taken.lines.length - fresh.length;
      const batch = fresh.map((line) => outputLine(line));
      if (batch.length > 0) yield batch;
      if (signal.aborted) return;
      if (taken.ended) {
        if ((await untilEnded()) === 'Ended' && deps.mayEndEarly) yield* logged(true, true);
        return;
      }
      pace.charge(taken.bytes);
      if (pace.debt > 0) await sleep(clock, pace.debt, signal);
      await intake.ready();
    }
  }

  async function* joined(intake: Intake): Batches {
    let log: string[] = [];
    let looked = 0;
    const came: Taken = { lines: [], bytes: 0, ended: false };
    let texts: string[] = [];
    let deadline = Number.POSITIVE_INFINITY;
    const take = (): void => {
      // More output stays in the connection.
      if (texts.length > restingLines || came.bytes > windowBytes) return;
      const { lines, bytes, ended } = intake.take();
      came.ended ||= ended;
      came.bytes += bytes;
      came.lines.push(...lines);
      texts = texts.concat(lines.map(({ text }) => plain(text)));
    };
    while (!signal.aborted) {
      const before = { live: texts.length, looked };
      for await (const batch of logged(false)) {
        looked += batch.length;
        log = lastBytes(log.concat(batch.map(({ text }) => plain(text))));
        yield batch;
      }
      take();
      if (came.ended) {
        if ((await untilEnded()) === 'Gone') throw deps.gone();
        return yield* logged(true);
      }
      if (texts.length === 0) {
        log = log.slice(-restingLines);
        await intake.ready();
        take();
        deadline = clock.now() + meetWithinMs;
      }
      const atRest = before.live === texts.length && before.looked === looked;
      const met = meet(log, texts, { sure: before.live, atRest });
      if (met.found === 'One' || clock.now() > deadline) {
        gap ||= met.found === 'None';
        return yield* following(intake, came, met.found === 'None' ? 0 : met.inLog);
      }
      await sleep(clock, lookMs, signal);
    }
  }

  try {
    if (live === undefined) yield* logged(true);
    else if (deps.isWhole) yield* following(live, { lines: [], bytes: 0, ended: false }, 0);
    else yield* joined(live);
  } catch (error) {
    if (signal.aborted) return;
    const failure = deps.wrap(error);
    throw failure instanceof DriverError ? failure : lost(failure);
  }
}

function shortened(text: string): Pick<OutputLine, 'text' | 'cut'> {
  if (text.length <= attachLimits.line / 3) return { text };
  const bytes = Buffer.from(text);
  if (bytes.length <= attachLimits.line) return { text };
  return { text: bytes.toString('utf8', 0, attachLimits.cutTo), cut: bytes.length };
}

function lastBytes(lines: string[]): string[] {
  let bytes = 0;
  const from = lines.findLastIndex((line) => {
    bytes += line.length + 1;
    return bytes > windowBytes;
  });
  return lines.slice(from + 1);
}

const lost = (cause: unknown): DriverError =>
  new DriverError('Retryable', 'OutputLost', 'the connection to the output was lost', {
    cause,
  });

/**
 * Finds where live output begins in the log. The log lags a little, and the first live line may be only the end of a
 * line. Texts are `plain`.
 *
 * Repeated lines may match in several places. If no output is in transit, so that log and live output both are
 * complete, the match at which both end together is right. Otherwise the answer is `Several`: the caller asks again,
 * and finally uses the last match, after which some lines may be delivered twice, but none is lost.
 *
 * @param sure how many live lines came so long ago that the log must have them
 * @returns how many of the live lines, from the first, the log has
 */
export function meet(
  log: readonly string[],
  live: readonly string[],
  { sure, atRest }: { sure: number; atRest: boolean },
): { found: 'One' | 'Several'; inLog: number } | { found: 'None' } {
  const [first] = live;
  if (first === undefined || sure === 0) return { found: 'None' };
  const compared = live.slice(0, mostCompared);
  const needed = Math.min(sure, compared.length);
  let count = 0;
  let latest = 0;
  let together: number | undefined;
  for (let start = 0; start + needed <= log.length; start++) {
    if (!log[start]?.endsWith(first)) continue;
    const end = Math.min(compared.length, log.length - start);
    let at = 1;
    while (at < end && log[start + at] === compared[at]) at += 1;
    if (at < end) continue;
    count += 1;
    latest = log.length - start;
    if (latest === live.length) together = latest;
  }
  if (count === 0) return { found: 'None' };
  if (count === 1) return { found: 'One', inLog: latest };
  return atRest ? { found: 'One', inLog: together ?? latest } : { found: 'Several', inLog: latest };
}

/** Comparing more lines gains nothing, and takes long if all lines are equal. */
const mostCompared = 64;
