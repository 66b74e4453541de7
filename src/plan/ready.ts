import type { InstanceStatus } from '../api/objects.ts';
import { command } from '../api/text.ts';
import { emitEvent, type InstanceDraft, past, phase, speaks, talkOf, wake } from './draft.ts';
import { startedAt } from './identify.ts';
import { resetAfterReady } from './restart.ts';
import type { Timing } from './settings.ts';
import { type Instant, instant, shortTime, timeText } from './times.ts';

/** Decides whether the current run is Ready. Sets its phase, and readySince when it becomes Ready. */
export function applyReadiness(draft: InstanceDraft) {
  const { next, now } = draft;
  if (draft.state === 'Paused') {
    clearReadySince(draft);
    if (draft.old.reason !== 'Paused' && next.stop === undefined)
      emitEvent(draft, 'Warning', 'Paused', pausedText(draft));
    return phase(draft, 'Unready', 'Paused', pausedText(draft));
  }
  if (draft.state === 'Unknown') return; // the stored status stays until the Runtime can be asked again
  if (draft.state !== 'Running') {
    delete next.readySince;
    return;
  }
  if (waitsForLogin(draft)) return needsLogin(draft);
  const good = goodSince(draft);
  if (good === undefined) return notReady(draft);
  const readyAt = good + draft.context.timing.minReady;
  if (next.readySince === undefined) {
    if (now < readyAt) {
      wake(draft, readyAt);
      return notReady(draft, readyAt);
    }
    next.readySince = timeText(readyAt);
    emitEvent(draft, 'Normal', 'Ready', `Run ${next.run?.number ?? 0} is Ready.`);
  }
  const since = instant(next.readySince) ?? now;
  if (since > now) next.readySince = timeText(now); // the clock was set back
  draft.ready = true;
  const resetAt = resetAfterReady(draft, now);
  if (resetAt !== undefined) wake(draft, resetAt);
  phase(
    draft,
    'Ready',
    'Ready',
    `Run ${next.run?.number ?? 0} is Ready since ${shortTime(past(draft, since))}.`,
  );
}

/** Since when all conditions of Ready hold: the readiness check and the protocol's handshake. */
function goodSince(draft: InstanceDraft): Instant | undefined {
  const checked = checkedSince(draft);
  const handshakeAt = checked === undefined ? undefined : handshakeSince(draft);
  return checked === undefined || handshakeAt === undefined ? undefined : Math.max(checked, handshakeAt);
}

/** Since when the readiness check succeeds. Without a check, since the start. */
function checkedSince(draft: InstanceDraft): Instant | undefined {
  const start = startedAt(draft);
  if (draft.context.world.agent.spec.readiness === undefined) return start;
  const { ready } = draft.view.probe;
  // Nothing is known yet, for example after a restart of the controller. A Ready run stays Ready until a check fails.
  if (ready === undefined && draft.next.readySince !== undefined) return start;
  return ready?.ok === true ? past(draft, Math.max(ready.since, start)) : undefined;
}

/** Since when messages can be sent to it. Without a protocol, since the start. */
function handshakeSince(draft: InstanceDraft): Instant | undefined {
  const start = startedAt(draft);
  if (!speaks(draft.context.world.agent.spec)) return start;
  const talk = talkOf(draft);
  switch (talk?.state) {
    case 'Ready':
      return past(draft, Math.max(talk.since, start));
    case 'AuthRequired':
    case 'Refused':
      return undefined;
    default: // not connected (again) yet: what was Ready stays so
      return draft.next.readySince === undefined ? undefined : start;
  }
}

/**
 * Whether the agent waits for a login. That is no failure, and it continues by itself. After a restart of the
 * controller, the stored reason counts until the agent has been asked again.
 */
function waitsForLogin(draft: InstanceDraft): boolean {
  if (draft.state !== 'Running' || !speaks(draft.context.world.agent.spec)) return false;
  const talk = talkOf(draft);
  if (talk?.state === 'AuthRequired') return true;
  if (talk !== undefined && talk.state !== 'Connecting') return false;
  const { old, next } = draft;
  if (old.run?.number !== next.run?.number) return false;
  return old.reason === authRequired || (old.phase === 'Unknown' && readyReason(old) === authRequired);
}

function needsLogin(draft: InstanceDraft) {
  const { next, old } = draft;
  const talk = talkOf(draft);
  clearReadySince(draft);
  const number = next.run?.number ?? 0;
  const message =
    talk?.state === 'AuthRequired' ? talk.message : `Run ${number} was not logged in. It is started again.`;
  if (old.reason !== authRequired && next.stop === undefined)
    emitEvent(draft, 'Warning', authRequired, message);
  phase(draft, 'Pending', authRequired, message);
}

function clearReadySince({ next }: InstanceDraft) {
  delete next.readySince;
}

function notReady(draft: InstanceDraft, readyAt?: Instant) {
  const { next } = draft;
  const wasReady = next.readySince !== undefined || hasBeenReady(draft);
  const { waits, fails, found } = obstacle(draft);
  if (next.readySince !== undefined) emitEvent(draft, 'Warning', 'Unhealthy', `Readiness failed: ${found}`);
  clearReadySince(draft);
  const number = next.run?.number ?? 0;
  if (readyAt !== undefined)
    return phase(
      draft,
      wasReady ? 'Unready' : 'Starting',
      'MinReady',
      `Run ${number} becomes Ready at ${shortTime(readyAt)} if it keeps running.`,
    );
  if (wasReady) return phase(draft, 'Unready', fails, `Run ${number} is no longer Ready: ${found}`);
  phase(draft, 'Starting', waits, `Run ${number} is running but not Ready yet: ${found}`);
}

/** Why the run is not Ready: the reason if it never was, the reason if it was before, and what was found. */
function obstacle(draft: InstanceDraft): { waits: string; fails: string; found: string } {
  if (checkedSince(draft) === undefined) {
    const { ready, unknown } = draft.view.probe;
    const unmade = `the readiness check ${unknown === undefined ? 'has not run yet' : `could not run: ${unknown}`}`;
    const found = ready?.message ?? unmade;
    return { waits: 'WaitingForReadiness', fails: 'ReadinessFailed', found };
  }
  const talk = talkOf(draft);
  if (talk?.state === 'Refused')
    return { waits: 'HandshakeRefused', fails: 'HandshakeRefused', found: talk.message };
  const { protocol } = draft.context.world.agent.spec;
  return { waits: 'Connecting', fails: 'Connecting', found: `its ${protocol} handshake is not complete yet` };
}

/** Whether the newest run was Ready before. */
function hasBeenReady({ old, next }: InstanceDraft): boolean {
  return old.run?.number === next.run?.number && wasReady(old);
}

/** Whether the run of a stored status was Ready. */
export function wasReady(status: InstanceStatus): boolean {
  if (status.phase === 'Ready' || status.phase === 'Unready') return true;
  // While the Runtime could not be reached, the phase was Unknown. The condition still has the reason from before.
  if (status.phase !== 'Unknown') return false;
  const reason = readyReason(status);
  return reason === 'Ready' || reason === 'Unready';
}

const readyReason = ({ conditions }: InstanceStatus): string | undefined =>
  conditions?.find(({ type }) => type === 'Ready')?.reason;

/** How long a start may take, in milliseconds. At least minReady, which a shorter deadline would make impossible. */
export const startLength = ({ minReady, startDeadline }: Timing): number => Math.max(startDeadline, minReady);

/** When a start that is not Ready counts as failed. Undefined once the run was Ready, and while it is paused. */
export function startDeadline(draft: InstanceDraft): Instant | undefined {
  if (draft.state !== 'Running' || draft.ready || hasBeenReady(draft)) return undefined;
  const { minReady } = draft.context.timing;
  const length = startLength(draft.context.timing);
  const start = Math.max(startedAt(draft), reachedSince(draft));
  const talk = talkOf(draft);
  if (waitsForLogin(draft) && talk?.state !== 'Connecting') return undefined;
  // A handshake that had to wait, for a login or for the controller, gets the full time again.
  const handshakeAt = talk === undefined ? start : past(draft, talk.since);
  return (handshakeAt + minReady > start + length ? handshakeAt : start) + length;
}

/**
 * Since when the Runtime has answered without a break. While it could not be asked, nothing could be checked, so the
 * start gets the full time again. A run that was never Ready has Ready=False since before its start, or since the
 * Runtime came back.
 */
function reachedSince({ old, now }: InstanceDraft): Instant {
  const ready = old.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'Unknown') return now;
  return ready?.status === 'False' ? Math.min(now, instant(ready.lastTransitionTime) ?? 0) : 0;
}

const authRequired = 'AuthRequired';

function pausedText({ next, context }: InstanceDraft): string {
  const { agent } = context.world;
  const restart = command(agent, `rollout restart agent/${agent.metadata.name}`);
  return `Its container is paused. Continue it with docker unpause ${next.run?.ref?.slice(0, 12) ?? ''}, or restart it with ${restart}.`;
}
