import { formatDuration } from '../api/duration.ts';
import type { InstanceStatus } from '../api/objects.ts';
import { sentence } from '../api/sentence.ts';
import type { Action } from './action.ts';
import { instant, shortTime, timeText } from './instant.ts';
import { talkOf } from './talk.ts';
import { nowText, phase, type Turn, tell, wake } from './turn.ts';
import type { Instant } from './world.ts';

type Stop = NonNullable<InstanceStatus['stop']>;

/** A kill that did not help is repeated this often. */
const killPeriod = 10_000;
/** A step that failed is tried again after this long. */
export const retryPeriod = 2000;

/** Causes of a stop that count as a failure of the agent. */
export const failsByStop = (cause: string | undefined): boolean => cause !== undefined && failures.has(cause);
const failures: ReadonlySet<string> = new Set([
  'LivenessFailed',
  'StartDeadlineExceeded',
  'HandshakeRefused',
  'CancelIgnored',
  'SessionBusy',
  'InputClosed',
]);

/** Cause of a stop after which the instance is given up. */
export const notEnforced = 'PermissionsNotEnforced';

/** Begins to stop the run that is up. The run is named, so a stop never hits a later one. */
export function beginStop(turn: Turn, cause: string, message: string, then: Stop['then']) {
  const { next, context, now } = turn;
  const { gracePeriod } = context.settings.stop;
  const stage = gracePeriod === 0 ? 'Kill' : hasShutdown(turn) ? 'Shutdown' : 'Signal';
  next.stop = {
    run: next.run?.number ?? 0,
    cause,
    message,
    requestedAt: nowText(turn),
    deadline: timeText(now + lengthOf(stage, gracePeriod)),
    stage,
    then,
  };
  tell(
    turn,
    failsByStop(cause) || cause === notEnforced ? 'Warning' : 'Normal',
    'Stopping',
    `Stops run ${next.stop.run} (${cause}): ${sentence(message)}`,
  );
  goOn(turn, next.stop);
}

/** Only jsonl has a line that asks the agent to end, and only one that listens can be asked. */
const hasShutdown = (turn: Turn): boolean =>
  turn.context.world.agent.spec.protocol === 'jsonl' &&
  turn.state === 'Running' &&
  talkOf(turn)?.state === 'Ready';

/** How long a stage is given: the protocol's own shutdown has half of the grace period. */
function lengthOf(stage: Stop['stage'], gracePeriod: number): number {
  return stage === 'Kill' ? killPeriod : stage === 'Signal' ? gracePeriod : Math.ceil(gracePeriod / 2);
}

/**
 * Carries on with the stop of the run that is up: the protocol's shutdown where it has one, at its deadline or where it
 * failed the signal, at the end of the grace period SIGKILL, and that again and again.
 */
export function continueStop(turn: Turn, stop: Stop) {
  const { now, context, next } = turn;
  const { gracePeriod } = context.settings.stop;
  const requested = Math.min(now, instant(stop.requestedAt) ?? now);
  const deadline = Math.min(now + lengthOf(stop.stage, gracePeriod), instant(stop.deadline) ?? now);
  const current: Stop = { ...stop, requestedAt: timeText(requested), deadline: timeText(deadline) };
  if (current.stage === 'Shutdown' && (now >= deadline || shutdownFailed(turn, stop, requested))) {
    const end = requested + gracePeriod;
    current.stage = 'Signal';
    // A controller that was away still gives the signal its time.
    current.deadline = timeText(end > now ? end : now + lengthOf('Shutdown', gracePeriod));
  }
  if (now >= (instant(current.deadline) ?? now)) {
    if (current.stage === 'Signal')
      tell(
        turn,
        'Warning',
        'Killing',
        `It did not stop within ${formatDuration(gracePeriod)}, so it is killed (SIGKILL).`,
      );
    current.stage = 'Kill';
    current.deadline = timeText(now + killPeriod);
  }
  next.stop = current;
  goOn(turn, current);
}

function shutdownFailed({ next }: Turn, stop: Stop, requested: Instant): boolean {
  const { lastOutcome: last } = next;
  if (last?.action !== 'Shutdown' || last.run !== stop.run || last.result === 'Succeeded') return false;
  return (instant(last.at) ?? 0) >= requested;
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
  const { stage } = stop;
  switch (stage) {
    case 'Shutdown':
    case 'Kill':
      return { ...base, type: stage, id: `${stage}/${turn.name}` };
    case 'Signal':
      return {
        ...base,
        type: stage,
        id: `${stage}/${turn.name}`,
        signal: turn.context.settings.stop.signal,
        scope: turn.context.settings.stop.signalScope,
      };
  }
}

function stopText(stop: Stop, signal: string | undefined): string {
  const why = sentence(stop.message ?? stop.cause);
  const then = shortTime(instant(stop.deadline) ?? 0);
  switch (stop.stage) {
    case 'Shutdown':
      return `${why} It is asked to stop, and ${signal ?? 'the stop signal'} is sent at ${then}.`;
    case 'Signal':
      return `${why} ${signal ?? 'The stop signal'} is sent, and SIGKILL at ${then}.`;
    case 'Kill':
      return `${why} SIGKILL is sent.`;
  }
}

/** Drops a stop whose run has ended, unless it says what the next start is for. */
export function settleStop(turn: Turn) {
  const { next } = turn;
  const { stop } = next;
  if (stop === undefined) return;
  const over = stop.run !== next.run?.number || (turn.state === 'Ended' && stop.then === 'Stay');
  if (over) delete next.stop;
}
