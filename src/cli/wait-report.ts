import { revisionText } from '../api/annotations.ts';
import { listed } from '../api/text.ts';
import type { Judge, Reason } from '../views/judges.ts';
import { type Outcome, untilEach } from '../views/until.ts';
import type { Cli, Client } from './cli.ts';
import { exitCode } from './failure.ts';
import { progress } from './print/progress-lines.ts';
import type { Selected } from './select-objects.ts';

/** Waits for all objects, prints the result of each, and returns the worst exit code. */
export const reportWaits = (
  client: Client,
  selected: readonly Selected[],
  judge: Judge,
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
  judgeOf: (each: T) => Judge,
  timeout: number,
  cli: Cli,
  report: (each: T, outcome: Outcome, fail: Fail) => number,
  { reportSlow = false } = {},
): Promise<number> {
  const { clock, signal } = cli;
  const line = progress(cli);
  const waiting = new Map<T, Reason>();
  const failed = new Alike((text) => cli.err(text));
  const fail: Fail = (...words) => failed.say(...words);
  const print = (): void => {
    const [first] = waiting;
    const more = waiting.size > 1 ? ` (and ${waiting.size - 1} more)` : '';
    if (first === undefined) line.clear();
    else line.show(`waiting for ${first[0].text}${more}: ${reasonText(first[1])}`);
  };
  let worst: number = exitCode.ok;
  const awaited = selected.map((each) => ({
    ...each,
    judge: judgeOf(each),
    onPending(why: Reason): void {
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
  const cancel = reportSlow
    ? clock.after(slowMs, () => {
        const slow = new Alike((text) => cli.err(text));
        line.clear();
        for (const [each, why] of waiting) slow.say(each, (text) => `waiting for ${text}`, why);
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
  if (outcome.result === 'met') {
    cli.out(`${each.text} ${outcome.how === 'Asleep' ? 'sleeps until a message arrives' : done}\n`);
    return exitCode.ok;
  }
  if (outcome.result === 'timedOut') {
    fail(each, (text) => `error: timed out waiting for ${text}`, outcome.why);
    return exitCode.timedOut;
  }
  fail(each, (text) => `error: ${text}: the condition can no longer be met`, outcome.why);
  return exitCode.unmet;
}

/** How many objects with the same cause are printed. */
const most = 10;

/** Prints the results of objects: the first ten with the same cause, and the number of the others. */
class Alike {
  readonly #err: (text: string) => void;
  readonly #groups = new Map<string, { cause: string; count: number }>();

  constructor(err: (text: string) => void) {
    this.#err = err;
  }

  /** `head` returns the line up to `why`, from the name of the object. `text` is `why` with what else is printed. */
  say(each: Selected, head: (name: string) => string, why: Reason, text = reasonText(why)): void {
    const cause = causeText(why);
    const group = this.#groups.get(`${head('')}\n${cause}`) ?? { cause, count: 0 };
    this.#groups.set(`${head('')}\n${cause}`, group);
    group.count += 1;
    if (group.count <= most) this.#err(`${head(each.text)}: ${text}\n`);
  }

  /** Prints the number of objects that were not printed. */
  end(): void {
    for (const { cause, count } of this.#groups.values()) {
      if (count > most) this.#err(`... and ${count - most} more: ${cause}\n`);
    }
    this.#groups.clear();
  }
}

/** Returns a clause such as `Ready is False: ImagePull: ...`. */
export function reasonText(why: Reason): string {
  switch (why.is) {
    case 'Unknown':
      return 'nothing is known about it yet';
    case 'Missing':
      return 'it does not exist';
    case 'Deleted':
      return 'it was deleted';
    case 'NotDeleted':
      return 'it is not being deleted';
    case 'Deleting':
      return 'it is being deleted';
    case 'DeletionPending':
      return why.message === undefined
        ? `it is being deleted; ${listed(why.finalizers) || 'the server'} has not finished yet`
        : `it is being deleted: ${why.message}`;
    case 'NoReplicas':
      return 'it has no replicas';
    case 'Suspended':
      return why.kind === 'Sync'
        ? `it is suspended; agentctl resume sync/${why.name} continues it`
        : `it is suspended; agentctl resume ${why.name} starts it`;
    case 'Unobserved':
      return why.by === 'Rollout'
        ? 'the new spec has not been observed yet'
        : 'its latest spec has not been observed yet';
    case 'NoCondition':
      return `it has no condition ${why.type} yet`;
    case 'Condition':
      return parts(
        `${why.condition.type} is ${why.condition.status}`,
        why.condition.reason,
        why.condition.message,
      );
    case 'Reported':
      return parts(why.phase, why.reason, why.message);
    case 'Field':
      return `${why.path} is ${why.values.length === 0 ? 'not set' : listed(why.values)}`;
    case 'NotUpdated':
      return `${why.count} of ${why.of} instances are up to date`;
    case 'Surplus':
      return `${why.count} old instances are being deleted`;
    case 'NotReady':
      return `${why.count} of ${why.of} instances are Ready`;
    case 'Reverted':
      return `Reverted: Revision ${why.revision} did not become Ready in time, so the agent went back to the spec of an earlier one. See agentctl describe agent ${why.agent}`;
    case 'SourceUnread':
      return 'its source is being read';
    case 'NothingApplied':
      return 'no revision has been applied';
    case 'OtherApplied':
      return [
        appliedText(why.applied),
        ...(why.ready ? [parts(why.ready.reason, why.ready.message)] : []),
      ].join('; ');
  }
}

/** Returns what objects have in common that fail for the same cause: without names, times and details. */
export function causeText(why: Reason): string {
  switch (why.is) {
    case 'Condition':
      return `${why.condition.type} is ${why.condition.status}: ${why.condition.reason}`;
    case 'Reported':
      return parts(why.phase, why.reason);
    case 'DeletionPending':
      return reasonText({ ...why, message: why.message?.split(/[.:;] /)[0] });
    case 'Suspended':
      return 'it is suspended';
    case 'Reverted':
      return 'Reverted';
    case 'OtherApplied':
      return parts(appliedText(why.applied), why.ready?.reason);
    default:
      return reasonText(why);
  }
}

type Applied = Extract<Reason, { is: 'OtherApplied' }>['applied'];

const appliedText = (applied: Applied): string =>
  applied === undefined
    ? 'nothing is applied'
    : `${revisionText(applied.revision, applied.reference)} is applied`;

const parts = (...all: readonly (string | undefined)[]): string =>
  all.filter((part) => part !== undefined && part !== '').join(': ');
