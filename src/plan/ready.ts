import type { InstanceStatus } from '../api/objects.ts';
import { resetAfterReady } from './backoff.ts';
import { command } from './command.ts';
import { startedAt } from './identify.ts';
import { instant, shortTime, timeText } from './instant.ts';
import type { Timing } from './settings.ts';
import { speaks, talkOf } from './talk.ts';
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
  if (waitsForLogin(turn)) return needsLogin(turn);
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

/** Since when it holds all that Ready asks for: the readiness check, and the protocol's handshake. */
function goodSince(turn: Turn): Instant | undefined {
  const checked = checkedSince(turn);
  const shaken = checked === undefined ? undefined : shakenSince(turn);
  return checked === undefined || shaken === undefined ? undefined : Math.max(checked, shaken);
}

/** Since when the readiness check holds; without one, since the start. */
function checkedSince(turn: Turn): Instant | undefined {
  const start = startedAt(turn);
  if (turn.context.world.agent.spec.readiness === undefined) return start;
  const { ready } = turn.view.probe;
  // Nothing is known yet, as after a restart of the controller: what was Ready stays so until a check fails.
  if (ready === undefined && turn.next.readySince !== undefined) return start;
  return ready?.ok === true ? past(turn, Math.max(ready.since, start)) : undefined;
}

/** Since when it can be sent messages; without a protocol, since the start. */
function shakenSince(turn: Turn): Instant | undefined {
  const start = startedAt(turn);
  if (!speaks(turn.context.world.agent.spec)) return start;
  const talk = talkOf(turn);
  switch (talk?.state) {
    case 'Ready':
      return past(turn, Math.max(talk.since, start));
    case 'AuthRequired':
    case 'Refused':
      return undefined;
    default: // not connected (again) yet: what was Ready stays so
      return turn.next.readySince === undefined ? undefined : start;
  }
}

/** The agent wants to be logged in: no failure, and it goes on by itself. After a restart of the controller it is asked again first. */
function waitsForLogin(turn: Turn): boolean {
  if (turn.state !== 'Running' || !speaks(turn.context.world.agent.spec)) return false;
  const talk = talkOf(turn);
  if (talk?.state === 'AuthRequired') return true;
  if (talk !== undefined && talk.state !== 'Connecting') return false;
  const { old, next } = turn;
  if (old.run?.number !== next.run?.number) return false;
  return old.reason === authRequired || (old.phase === 'Unknown' && readyReason(old) === authRequired);
}

function needsLogin(turn: Turn) {
  const { next, old } = turn;
  const talk = talkOf(turn);
  breakOff(turn);
  const number = next.run?.number ?? 0;
  const message =
    talk?.state === 'AuthRequired' ? talk.message : `Run ${number} was not logged in. It is started again.`;
  if (old.reason !== authRequired && next.stop === undefined) tell(turn, 'Warning', authRequired, message);
  phase(turn, 'Pending', authRequired, message);
}

function breakOff({ next }: Turn) {
  delete next.readySince;
}

function notReady(turn: Turn, readyAt?: Instant) {
  const { next } = turn;
  const wasReady = next.readySince !== undefined || hasBeenReady(turn);
  const { waits, fails, found } = obstacle(turn);
  if (next.readySince !== undefined) tell(turn, 'Warning', 'Unhealthy', `Readiness failed: ${found}`);
  breakOff(turn);
  const number = next.run?.number ?? 0;
  if (readyAt !== undefined)
    return phase(
      turn,
      wasReady ? 'Unready' : 'Starting',
      'MinReady',
      `Run ${number} becomes Ready at ${shortTime(readyAt)} if it keeps running.`,
    );
  if (wasReady) return phase(turn, 'Unready', fails, `Run ${number} is no longer Ready: ${found}`);
  phase(turn, 'Starting', waits, `Run ${number} is running but not Ready yet: ${found}`);
}

/** What keeps it from being Ready: the reasons before and after it has been, and what was found. */
function obstacle(turn: Turn): { waits: string; fails: string; found: string } {
  if (checkedSince(turn) === undefined) {
    const { ready, unknown } = turn.view.probe;
    const unmade = `the readiness check ${unknown === undefined ? 'has not run yet' : `could not run: ${unknown}`}`;
    const found = ready?.message ?? unmade;
    return { waits: 'WaitingForReadiness', fails: 'ReadinessFailed', found };
  }
  const talk = talkOf(turn);
  if (talk?.state === 'Refused')
    return { waits: 'HandshakeRefused', fails: 'HandshakeRefused', found: talk.message };
  const { protocol } = turn.context.world.agent.spec;
  return { waits: 'Connecting', fails: 'Connecting', found: `its ${protocol} handshake is not complete yet` };
}

/** Whether the newest run has been Ready before. */
function hasBeenReady({ old, next }: Turn): boolean {
  return old.run?.number === next.run?.number && wasReady(old);
}

/** Whether the run of a stored status has been Ready. */
export function wasReady(status: InstanceStatus): boolean {
  if (status.phase === 'Ready' || status.phase === 'Unready') return true;
  // While its Runtime was out of reach the phase said so; the condition still has it.
  if (status.phase !== 'Unknown') return false;
  const reason = readyReason(status);
  return reason === 'Ready' || reason === 'Unready';
}

const readyReason = ({ conditions }: InstanceStatus): string | undefined =>
  conditions?.find(({ type }) => type === 'Ready')?.reason;

/** How long a start may take, in milliseconds: a minReady longer than the deadline would never be met. */
export const startLength = ({ minReady, startDeadline }: Timing): number => Math.max(startDeadline, minReady);

/** When a start that is not Ready counts as failed; undefined once the run has been Ready, or while it is paused. */
export function startDeadline(turn: Turn): Instant | undefined {
  if (turn.state !== 'Running' || turn.ready || hasBeenReady(turn)) return undefined;
  const { minReady } = turn.context.timing;
  const length = startLength(turn.context.timing);
  const start = Math.max(startedAt(turn), reachedSince(turn));
  const talk = talkOf(turn);
  if (waitsForLogin(turn) && talk?.state !== 'Connecting') return undefined;
  // A handshake that had to wait, for a login or for the controller, has its time anew.
  const shaken = talk === undefined ? start : past(turn, talk.since);
  return (shaken + minReady > start + length ? shaken : start) + length;
}

/**
 * Since when its Runtime has answered without a break: what could not be checked has its time anew. A run that was never
 * Ready is not Ready since before its start, or since the Runtime was back.
 */
function reachedSince({ old, now }: Turn): Instant {
  const ready = old.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'Unknown') return now;
  return ready?.status === 'False' ? Math.min(now, instant(ready.lastTransitionTime) ?? 0) : 0;
}

const authRequired = 'AuthRequired';

function pausedText({ next, context }: Turn): string {
  const { agent } = context.world;
  const restart = command(agent, `rollout restart agent/${agent.metadata.name}`);
  return `Its container is paused. Continue it with docker unpause ${next.run?.ref?.slice(0, 12) ?? ''}, or restart it with ${restart}.`;
}
