import type { AnyObject } from '../../api/objects.ts';
import type { Cli, Client } from '../cli.ts';
import { exitCode } from '../failure.ts';
import { progress } from '../print/progress-lines.ts';
import type { Selected } from '../select-objects.ts';
import { type Judge, type Outcome, untilEach } from './until.ts';

/** Waits for all objects, prints the result of each, and returns the worst exit code. */
export const reportWaits = (
  client: Client,
  selected: readonly Selected[],
  judge: Judge<AnyObject>,
  done: string,
  timeout: number,
  cli: Cli,
): Promise<number> =>
  waitEach(
    client,
    selected,
    () => judge,
    timeout,
    cli,
    (each, outcome, fail) => report(each, outcome, done, fail, cli),
  );

/** Prints why an object failed; after ten with the same cause it only counts. */
export type Fail = Alike['say'];

/** In milliseconds. After this, prints once for each object what it waits for. */
const slowMs = 5_000;

/** Like reportWaits, with a judge and a report for each object; the report returns the exit code. */
export async function waitEach<T extends Selected>(
  client: Client,
  selected: readonly T[],
  judgeOf: (each: T) => Judge<AnyObject>,
  timeout: number,
  cli: Cli,
  report: (each: T, outcome: Outcome, fail: Fail) => number,
  { tellSlow = false } = {},
): Promise<number> {
  const { clock, signal } = cli;
  const line = progress(cli);
  const waiting = new Map<T, string>();
  const failed = new Alike((text) => cli.err(text));
  const fail: Fail = (...words) => failed.say(...words);
  const print = (): void => {
    const [first] = waiting;
    const more = waiting.size > 1 ? ` (and ${waiting.size - 1} more)` : '';
    if (first === undefined) line.clear();
    else line.show(`waiting for ${first[0].text}${more}: ${first[1]}`);
  };
  let worst: number = exitCode.ok;
  const awaited = selected.map((each) => ({
    ...each,
    judge: judgeOf(each),
    onPending(why: string): void {
      waiting.set(each, why);
      print();
    },
    onOutcome(outcome: Outcome): void {
      waiting.delete(each);
      line.clear();
      worst = Math.max(worst, signal.aborted ? exitCode.timedOut : report(each, outcome, fail));
      print();
    },
  }));
  const cancel = tellSlow
    ? clock.after(slowMs, () => {
        const slow = new Alike((text) => cli.err(text));
        line.clear();
        for (const [each, why] of waiting) slow.say(each, `waiting for ${each.text}`, why);
        slow.end();
        print();
      })
    : undefined;
  try {
    await untilEach(client, awaited, { timeout, clock, signal });
  } finally {
    cancel?.();
  }
  failed.end();
  return worst;
}

export function report(each: Selected, outcome: Outcome, done: string, fail: Fail, cli: Cli): number {
  const { text } = each;
  if (outcome.result === 'met') {
    cli.out(`${text} ${outcome.how ?? done}\n`);
    return exitCode.ok;
  }
  const timedOut = outcome.result === 'timedOut';
  const how = timedOut ? `timed out waiting for ${text}` : `${text}: the condition can no longer be met`;
  fail(each, `error: ${how}`, outcome.why);
  return timedOut ? exitCode.timedOut : exitCode.unmet;
}

/** How many objects with the same cause are printed. */
const most = 10;

/** Prints the results of objects: the first ten with the same cause, and the number of the others. */
class Alike {
  readonly #err: (text: string) => void;
  readonly #counts = new Map<string, number>();

  constructor(err: (text: string) => void) {
    this.#err = err;
  }

  /** `head` is the line up to `why`, which may name the object. */
  say(each: Selected, head: string, why: string): void {
    const kind = `${head.replaceAll(each.text, '')}\n${causeOf(each, why)}`;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    if (count <= most) this.#err(`${head}: ${why}\n`);
  }

  /** Prints the number of objects that were not printed. */
  end(): void {
    for (const [kind, count] of this.#counts) {
      const cause = kind.slice(kind.indexOf('\n') + 1);
      if (count > most) this.#err(`... and ${count - most} more: ${cause}\n`);
    }
    this.#counts.clear();
  }
}

/**
 * Returns the beginning of a text such as `Ready is False: ImagePull: web-0: ...`: the rest differs by object and time.
 */
const causeOf = ({ key }: Selected, why: string): string =>
  why
    .replaceAll(` ${key.name} `, ' ')
    .split(/: |[.;] /)
    .slice(0, 2)
    .join(': ');
