import { emitEvent, ended, holdsPlace, home, type InstanceDraft, nowText } from './draft.ts';
import { endWait } from './restart.ts';
import { instant, timeText } from './times.ts';
import type { Observed } from './world.ts';

/**
 * Finds the newest run among the containers that the Runtime shows. Records a start that is seen for the first time.
 */
export function identify(draft: InstanceDraft) {
  const { view, next } = draft;
  const { observed } = view;
  if (observed === 'Unknown') {
    draft.state =
      next.run === undefined
        ? 'Never'
        : ended(draft)
          ? 'Ended'
          : holdsPlace(draft.old)
            ? 'Unknown'
            : 'Claimed';
    return;
  }
  if (next.run === undefined) adoptFirst(draft, observed);
  else if (next.run.startedAt === undefined) claimed(draft, observed);
  else seen(draft, observed);
  draft.strays =
    observed.length === 0 || (observed.length === 1 && observed[0] === draft.container)
      ? []
      : observed.filter((one) => one !== draft.container);
}

/** The status was lost, for example with an older backup. What runs under the Instance's name becomes its run. */
function adoptFirst(draft: InstanceDraft, observed: readonly Observed[]) {
  const found = observed.find(isUp) ?? observed.find(({ startId }) => startId !== undefined);
  if (found === undefined) return;
  draft.next.run = {
    number: Math.max(1, found.run),
    revision: found.revision,
    claimedAt: found.startedAt === undefined ? nowText(draft) : timeText(found.startedAt),
    cause: 'Adopted',
  };
  began(draft, found, 'Adopted', `Found run ${draft.next.run.number} in ${found.ref} and took it over.`);
}

function claimed(draft: InstanceDraft, observed: readonly Observed[]) {
  const { run } = draft.next;
  if (run === undefined) return;
  const before = run.previous;
  const found =
    observed.find((one) => one.startId !== undefined && one.run === run.number && one.ref !== before?.ref) ??
    observed.find((one) => one.ref === before?.ref && changed(one, before?.startedAt)) ??
    observed.find((one) => isUp(one) && one.ref !== before?.ref && one.revision === run.revision);
  if (found !== undefined) {
    if (ended(draft)) {
      // The start was recorded as failed, but it happened.
      delete draft.next.lastExit;
      endWait(draft);
    }
    const again = found.ref === before?.ref;
    const how = `in ${again ? 'the same' : 'a new'} ${home(draft)}`;
    began(draft, found, 'Started', `Started run ${run.number} ${how} (${run.cause ?? 'Claimed'}).`);
    return;
  }
  draft.state = ended(draft) ? 'Ended' : 'Claimed';
  // A container that was created for the run but never started also belongs to the run.
  draft.container =
    observed.find(({ ref }) => ref === before?.ref) ??
    observed.find((one) => one.startId === undefined && one.run === run.number);
}

function seen(draft: InstanceDraft, observed: readonly Observed[]) {
  const { run } = draft.next;
  if (run === undefined) return;
  const found = observed.find(({ ref, startId }) => ref === run.ref && startId === run.startedAt);
  if (found !== undefined) return settle(draft, found);
  const newer =
    observed.find((one) => one.startId !== undefined && one.run > run.number) ??
    observed.find((one) => one.ref === run.ref && changed(one, undefined) && !isPrevious(one, run.previous));
  if (newer !== undefined) {
    const number = newer.run > run.number ? newer.run : run.number + 1;
    draft.next.run = {
      number,
      revision: newer.run > run.number ? newer.revision : run.revision,
      claimedAt: newer.startedAt === undefined ? nowText(draft) : timeText(newer.startedAt),
      cause: 'StartedOutside',
      previous: {
        ...(run.ref === undefined ? {} : { ref: run.ref }),
        ...(run.startedAt === undefined ? {} : { startedAt: run.startedAt }),
      },
    };
    delete draft.next.stop;
    delete draft.next.readySince;
    endWait(draft);
    const message = `${newer.ref} was started by something other than agentctl; it continues as run ${number}.`;
    return began(draft, newer, 'StartedOutside', message);
  }
  if (ended(draft)) {
    draft.state = 'Ended';
    draft.container = observed.find(({ ref }) => ref === run.ref);
    return;
  }
  // An older start of the same container: the Runtime's answer is older than what is known.
  const stale = observed.find((one) => one.ref === run.ref);
  draft.container = stale;
  draft.state = stale === undefined ? 'Running' : 'Unknown';
}

function began(draft: InstanceDraft, found: Observed, reason: string, message: string) {
  const { next } = draft;
  if (next.run === undefined) return;
  const created = next.run.startedBy === 'Create' || next.run.previous?.ref !== found.ref;
  next.run = {
    ...next.run,
    ref: found.ref,
    ...(found.startId === undefined ? {} : { startedAt: found.startId }),
    startedBy: created ? 'Create' : 'Restart',
    ...(created && found.revision !== '' ? { revision: found.revision } : {}),
    ...(found.imageId === undefined ? {} : { image: found.imageId }),
  };
  // A wake-up by a message is not a restart.
  const woken = next.run.cause === 'Message';
  next.restartCount = next.restartCount === undefined ? 0 : next.restartCount + (woken ? 0 : 1);
  emitEvent(draft, 'Normal', reason, message);
  settle(draft, found);
}

function settle(draft: InstanceDraft, found: Observed) {
  draft.container = found;
  if (found.state === 'Running' || found.state === 'Paused') draft.state = found.state;
  else draft.state = ended(draft) ? 'Ended' : 'Running'; // its end is not in lastExit yet: see exits.ts
}

const isUp = ({ state }: Observed): boolean => state === 'Running' || state === 'Paused';

const changed = ({ startId }: Observed, before: string | undefined): boolean =>
  startId !== undefined && startId !== before;

const isPrevious = (
  { ref, startId }: Observed,
  previous: { ref?: string; startedAt?: string } | undefined,
): boolean => previous !== undefined && previous.ref === ref && previous.startedAt === startId;

/**
 * When the newest run started, by the Runtime's clock if known, otherwise when it was claimed. Never later than now.
 */
export function startedAt(draft: InstanceDraft): number {
  const at = draft.container?.startedAt ?? instant(draft.next.run?.claimedAt) ?? draft.now;
  return Math.min(at, draft.now);
}
