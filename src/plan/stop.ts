import { formatDuration } from '../api/duration.ts';
import type { InstanceStatus } from '../api/objects.ts';
import type { Action } from './action.ts';
import { instant, sentence, shortTime, timeText } from './instant.ts';
import { nowText, phase, type Turn, tell, wake } from './turn.ts';
import type { Instant } from './world.ts';

type Stop = NonNullable<InstanceStatus['stop']>;

/** A kill that did not help is repeated this often. */
export const killPeriod = 10_000;
/** A step that failed is tried again after this long: what was missing is to be Ready within 5 s, minReady included. */
export const retryPeriod = 2000;

/** Causes of a stop that count as a failure of the agent. */
export const failsByStop = (cause: string | undefined): boolean =>
  cause === 'LivenessFailed' || cause === 'StartDeadlineExceeded';

/** Begins to stop the run that is up. The run is named, so a stop never hits a later one. */
export function beginStop(turn: Turn, cause: string, message: string, then: Stop['then']) {
  const { next, context, now } = turn;
  const { gracePeriod } = context.settings.stop;
  const kill = gracePeriod === 0;
  next.stop = {
    run: next.run?.number ?? 0,
    cause,
    message,
    requestedAt: nowText(turn),
    deadline: timeText(now + (kill ? killPeriod : gracePeriod)),
    stage: kill ? 'Kill' : 'Signal',
    then,
  };
  tell(
    turn,
    failsByStop(cause) ? 'Warning' : 'Normal',
    'Stopping',
    `Stops run ${next.stop.run} (${cause}): ${sentence(message)}`,
  );
  goOn(turn, next.stop);
}

/** Carries on with the stop of the run that is up: the signal, at its deadline SIGKILL, and that again and again. */
export function continueStop(turn: Turn, stop: Stop) {
  const { now, context, next } = turn;
  const length = stop.stage === 'Signal' ? context.settings.stop.gracePeriod : killPeriod;
  const requested = Math.min(now, instant(stop.requestedAt) ?? now);
  const deadline = Math.min(now + length, instant(stop.deadline) ?? now);
  const current: Stop = { ...stop, requestedAt: timeText(requested), deadline: timeText(deadline) };
  if (now >= deadline) {
    if (current.stage === 'Signal')
      tell(turn, 'Warning', 'Killing', `It did not end within ${formatDuration(length)}: SIGKILL follows.`);
    current.stage = 'Kill';
    current.deadline = timeText(now + killPeriod);
  }
  next.stop = current;
  goOn(turn, current);
}

function goOn(turn: Turn, stop: Stop) {
  const deadline = instant(stop.deadline) ?? turn.now;
  turn.wakeAt = undefined; // nothing else counts until it is down
  wake(turn, deadline);
  phase(turn, 'Stopping', stop.cause, stopText(stop, turn.context.settings.stop.signal));
  const { container } = turn;
  if (container === undefined || turn.view.inFlight !== undefined) return;
  const begun = stop.stage === 'Kill' ? deadline - killPeriod : (instant(stop.requestedAt) ?? turn.now);
  const retryAt = sent(turn, stop, begun);
  if (retryAt === 'Done') return;
  if (retryAt > turn.now) return wake(turn, retryAt);
  turn.actions.push(step(turn, stop, container.ref));
}

/** Whether this stage was carried out, or when to try it (again). */
function sent({ next, now }: Turn, stop: Stop, begun: Instant): 'Done' | Instant {
  const outcome = next.lastOutcome;
  if (outcome?.action !== stop.stage || outcome.run !== stop.run) return now;
  const at = instant(outcome.at) ?? now;
  if (at < begun) return now;
  return outcome.result === 'Succeeded' ? 'Done' : Math.min(at, now) + retryPeriod;
}

function step(turn: Turn, stop: Stop, ref: string): Action {
  const base = {
    after: [],
    cause: stop.cause,
    message: stop.message ?? stop.cause,
    name: turn.name,
    uid: turn.uid,
    run: stop.run,
    ref,
  };
  if (stop.stage === 'Kill') return { ...base, type: 'Kill', id: `Kill/${turn.name}` };
  return { ...base, type: 'Signal', id: `Signal/${turn.name}`, signal: turn.context.settings.stop.signal };
}

const stopText = (stop: Stop, signal: string): string =>
  stop.stage === 'Signal'
    ? `${sentence(stop.message ?? stop.cause)} ${signal} is sent, and SIGKILL at ${shortTime(instant(stop.deadline) ?? 0)}.`
    : `${sentence(stop.message ?? stop.cause)} SIGKILL is sent.`;

/** Drops a stop whose run has ended, unless it says what the next start is for. */
export function settleStop(turn: Turn) {
  const { next } = turn;
  const { stop } = next;
  if (stop === undefined) return;
  const over = stop.run !== next.run?.number || (turn.state === 'Ended' && stop.then === 'Stay');
  if (over) delete next.stop;
}
