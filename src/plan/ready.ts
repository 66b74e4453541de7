import { resetAfterReady } from './backoff.ts';
import { startedAt } from './identify.ts';
import { instant, shortTime, timeText } from './instant.ts';
import { past, phase, type Turn, tell, wake } from './turn.ts';
import type { Instant } from './world.ts';

/** Finds whether the run that is up is Ready; sets its phase, and readySince when it becomes so. */
export function takeReadiness(turn: Turn) {
  const { next, now } = turn;
  if (turn.state === 'Paused') {
    breakOff(turn);
    if (turn.old.reason !== 'Paused' && next.stop === undefined)
      tell(turn, 'Warning', 'Paused', pausedText(turn));
    return phase(turn, 'Unready', 'Paused', pausedText(turn));
  }
  if (turn.state === 'Unknown') return; // what was known holds until it can be asked again
  if (turn.state !== 'Running') {
    delete next.readySince;
    return;
  }
  const good = goodSince(turn);
  if (good === undefined) return notReady(turn);
  const readyAt = good + turn.context.timing.minReady;
  if (next.readySince === undefined) {
    if (now < readyAt) {
      wake(turn, readyAt);
      return notReady(turn, readyAt);
    }
    next.readySince = timeText(readyAt);
    tell(turn, 'Normal', 'Ready', `Run ${next.run?.number ?? 0} is Ready.`);
  }
  const since = instant(next.readySince) ?? now;
  if (since > now) next.readySince = timeText(now); // the clock went back
  turn.ready = true;
  const resetAt = resetAfterReady(turn, now);
  if (resetAt !== undefined) wake(turn, resetAt);
  phase(
    turn,
    'Ready',
    'Ready',
    `Run ${next.run?.number ?? 0} is Ready since ${shortTime(past(turn, since))}.`,
  );
}

/** Since when the readiness check holds; without one, since the start. */
function goodSince(turn: Turn): Instant | undefined {
  const start = startedAt(turn);
  if (turn.context.world.agent.spec.readiness === undefined) return start;
  const { ready } = turn.view.probe;
  // Nothing is known yet, as after a restart of the controller: what was Ready stays so until a check fails.
  if (ready === undefined && turn.next.readySince !== undefined) return start;
  return ready?.ok === true ? past(turn, Math.max(ready.since, start)) : undefined;
}

function breakOff({ next }: Turn) {
  delete next.readySince;
}

function notReady(turn: Turn, readyAt?: Instant) {
  const { next, view } = turn;
  const wasReady = next.readySince !== undefined || hasBeenReady(turn);
  if (next.readySince !== undefined)
    tell(turn, 'Warning', 'Unhealthy', `Readiness failed: ${view.probe.ready?.message ?? 'not checked yet'}`);
  breakOff(turn);
  const number = next.run?.number ?? 0;
  if (readyAt !== undefined)
    return phase(
      turn,
      wasReady ? 'Unready' : 'Starting',
      'MinReady',
      `Run ${number} is Ready at ${shortTime(readyAt)} if it holds.`,
    );
  const found = view.probe.ready?.message ?? 'the readiness check has not been made yet';
  if (wasReady)
    return phase(turn, 'Unready', 'ReadinessFailed', `Run ${number} is not Ready any more: ${found}`);
  phase(turn, 'Starting', 'WaitingForReadiness', `Run ${number} is up and not Ready yet: ${found}`);
}

/** Whether the newest run has been Ready before. */
export function hasBeenReady({ old, next }: Turn): boolean {
  if (old.run?.number !== next.run?.number) return false;
  if (old.phase === 'Ready' || old.phase === 'Unready') return true;
  // While its Runtime was out of reach the phase said so; the condition still has it.
  const condition = old.conditions?.find(({ type }) => type === 'Ready');
  return old.phase === 'Unknown' && (condition?.reason === 'Ready' || condition?.reason === 'Unready');
}

/** When a start that is not Ready counts as failed; undefined once the run has been Ready, or while it is paused. */
export function startDeadline(turn: Turn): Instant | undefined {
  if (turn.state !== 'Running' || turn.ready || hasBeenReady(turn)) return undefined;
  const { minReady, startDeadline } = turn.context.timing;
  return startedAt(turn) + Math.max(startDeadline, minReady); // a longer minReady would never be met
}

const pausedText = ({ next }: Turn): string =>
  `Its container is paused. Let it go on with docker unpause ${next.run?.ref?.slice(0, 12) ?? ''}, or restart it with agentctl rollout restart.`;
