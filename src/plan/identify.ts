import { endWait } from './backoff.ts';
import { instant, timeText } from './instant.ts';
import { holdsPlace } from './place.ts';
import { ended, home, nowText, type Turn, tell } from './turn.ts';
import type { Observed } from './world.ts';

/** Finds the newest run among what the Runtime shows, and writes down a start that is seen for the first time. */
export function identify(turn: Turn) {
  const { view, next } = turn;
  const { observed } = view;
  if (observed === 'Unknown') {
    turn.state =
      next.run === undefined ? 'Never' : ended(turn) ? 'Ended' : holdsPlace(turn.old) ? 'Unknown' : 'Claimed';
    return;
  }
  if (next.run === undefined) adoptFirst(turn, observed);
  else if (next.run.startedAt === undefined) claimed(turn, observed);
  else seen(turn, observed);
  turn.strays =
    observed.length === 0 || (observed.length === 1 && observed[0] === turn.container)
      ? []
      : observed.filter((one) => one !== turn.container);
}

/** The status was lost, as from an older backup: what runs under the Instance's name goes on as its run. */
function adoptFirst(turn: Turn, observed: readonly Observed[]) {
  const found = observed.find(isUp) ?? observed.find(({ startId }) => startId !== undefined);
  if (found === undefined) return;
  turn.next.run = {
    number: Math.max(1, found.run),
    revision: found.revision,
    claimedAt: found.startedAt === undefined ? nowText(turn) : timeText(found.startedAt),
    cause: 'Adopted',
  };
  began(turn, found, 'Adopted', `Found run ${turn.next.run.number} in ${found.ref} and took it over.`);
}

function claimed(turn: Turn, observed: readonly Observed[]) {
  const { run } = turn.next;
  if (run === undefined) return;
  const before = run.previous;
  const found =
    observed.find((one) => one.startId !== undefined && one.run === run.number && one.ref !== before?.ref) ??
    observed.find((one) => one.ref === before?.ref && changed(one, before?.startedAt)) ??
    observed.find((one) => isUp(one) && one.ref !== before?.ref && one.revision === run.revision);
  if (found !== undefined) {
    if (ended(turn)) {
      // Its start was taken for failed, and came about after all.
      delete turn.next.lastExit;
      endWait(turn);
    }
    const again = found.ref === before?.ref;
    const how = `in ${again ? 'the same' : 'a new'} ${home(turn)}`;
    began(turn, found, 'Started', `Started run ${run.number} ${how} (${run.cause ?? 'Claimed'}).`);
    return;
  }
  turn.state = ended(turn) ? 'Ended' : 'Claimed';
  // A container that was made for the run and never started is the run's too.
  turn.container =
    observed.find(({ ref }) => ref === before?.ref) ??
    observed.find((one) => one.startId === undefined && one.run === run.number);
}

function seen(turn: Turn, observed: readonly Observed[]) {
  const { run } = turn.next;
  if (run === undefined) return;
  const found = observed.find(({ ref, startId }) => ref === run.ref && startId === run.startedAt);
  if (found !== undefined) return settle(turn, found);
  const newer =
    observed.find((one) => one.startId !== undefined && one.run > run.number) ??
    observed.find((one) => one.ref === run.ref && changed(one, undefined) && !isPrevious(one, run.previous));
  if (newer !== undefined) {
    const number = newer.run > run.number ? newer.run : run.number + 1;
    turn.next.run = {
      number,
      revision: newer.run > run.number ? newer.revision : run.revision,
      claimedAt: newer.startedAt === undefined ? nowText(turn) : timeText(newer.startedAt),
      cause: 'StartedOutside',
      previous: {
        ...(run.ref === undefined ? {} : { ref: run.ref }),
        ...(run.startedAt === undefined ? {} : { startedAt: run.startedAt }),
      },
    };
    delete turn.next.stop;
    delete turn.next.readySince;
    endWait(turn);
    const message = `${newer.ref} was started by something other than agentctl; it continues as run ${number}.`;
    return began(turn, newer, 'StartedOutside', message);
  }
  if (ended(turn)) {
    turn.state = 'Ended';
    turn.container = observed.find(({ ref }) => ref === run.ref);
    return;
  }
  // An older start of the same container is news from before what was known.
  const stale = observed.find((one) => one.ref === run.ref);
  turn.container = stale;
  turn.state = stale === undefined ? 'Running' : 'Unknown';
}

function began(turn: Turn, found: Observed, reason: string, message: string) {
  const { next } = turn;
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
  // To be woken is no restart.
  const woken = next.run.cause === 'Message';
  next.restartCount = next.restartCount === undefined ? 0 : next.restartCount + (woken ? 0 : 1);
  tell(turn, 'Normal', reason, message);
  settle(turn, found);
}

function settle(turn: Turn, found: Observed) {
  turn.container = found;
  if (found.state === 'Running' || found.state === 'Paused') turn.state = found.state;
  else turn.state = ended(turn) ? 'Ended' : 'Running'; // its end is not in lastExit yet: see exits
}

const isUp = ({ state }: Observed): boolean => state === 'Running' || state === 'Paused';

const changed = ({ startId }: Observed, before: string | undefined): boolean =>
  startId !== undefined && startId !== before;

const isPrevious = (
  { ref, startId }: Observed,
  previous: { ref?: string; startedAt?: string } | undefined,
): boolean => previous !== undefined && previous.ref === ref && previous.startedAt === startId;

/** When the newest run came up, by the Runtime's clock where it tells it. */
export function startedAt(turn: Turn): number {
  const at = turn.container?.startedAt ?? instant(turn.next.run?.claimedAt) ?? turn.now;
  return Math.min(at, turn.now);
}
