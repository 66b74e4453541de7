import type { Instance, RuntimeSpec, RuntimeStatus } from '../api/objects.ts';
import type { ActionType, Outcome, Want } from './action.ts';
import { holdsPlace, retries } from './draft.ts';
import { type Instant, instant, shortTime, span, timeText } from './times.ts';
import type { Place } from './world.ts';

/** The input of admission: all Runtimes, and all Instances that hold or want a place. */
export interface Fleet {
  now: Instant;
  runtimes: readonly RuntimeLoad[];
  wants: readonly Want[];
  /** Uids of the Instances with a grant that is not claimed yet. */
  grants: ReadonlySet<string>;
}

/** The places that are taken, and how many of them belong to a start under way. */
export interface Load {
  held: number;
  starting: number;
}

export interface RuntimeLoad extends Load {
  name: string;
  spec: RuntimeSpec;
  breaker?: Breaker | undefined;
}

interface Admission {
  /** Uids of the Instances that may start: earlier grants that are still wanted, and new ones. */
  grants: ReadonlySet<string>;
  /** The place in the queue of each other Instance, by uid. */
  places: ReadonlyMap<string, Place>;
  /** When an open breaker lets the next start through. */
  wakeAt?: Instant | undefined;
}

/** Counts the places that Instances hold, by Runtime. */
export function occupancy(instances: Iterable<Instance>): Map<string, Load> {
  const loads = new Map<string, Load>();
  for (const { spec, status } of instances) {
    if (status === undefined || !holdsPlace(status)) continue;
    const load = loads.get(spec.runtimeRef.name) ?? { held: 0, starting: 0 };
    load.held += 1;
    if (status.phase === 'Starting' || retries(status)) load.starting += 1;
    loads.set(spec.runtimeRef.name, load);
  }
  return loads;
}

/**
 * Grants the places of each Runtime: by priority (highest first), then by waiting time (longest first), then by name.
 */
export function admit(fleet: Fleet): Admission {
  const grants = new Set<string>();
  const places = new Map<string, Place>();
  let wakeAt: Instant | undefined;
  const waiting = new Map<string, Want[]>();
  for (const want of fleet.wants) {
    const list = waiting.get(want.runtime);
    if (list === undefined) waiting.set(want.runtime, [want]);
    else list.push(want);
  }
  for (const load of fleet.runtimes) {
    const wants = waiting.get(load.name);
    if (wants === undefined) continue;
    const at = share(fleet, load, wants.sort(before), grants, places);
    if (at !== undefined && (wakeAt === undefined || at < wakeAt)) wakeAt = at;
  }
  return { grants, places, ...(wakeAt === undefined ? {} : { wakeAt }) };
}

function before(one: Want, other: Want): number {
  return (
    other.priority - one.priority ||
    one.since - other.since ||
    compare(one.namespace, other.namespace) ||
    compare(one.instance, other.instance) ||
    compare(one.uid, other.uid)
  );
}

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

/** Grants the places of one Runtime. Returns when its open breaker lets the next start through. */
function share(
  { now, grants: given }: Fleet,
  load: RuntimeLoad,
  wants: readonly Want[],
  grants: Set<string>,
  places: Map<string, Place>,
): Instant | undefined {
  const { spec, breaker = closed } = load;
  const opensAt = halfOpensAt(breaker, spec, now);
  const open = opensAt !== undefined && opensAt > now;
  const trying = breaker.state === 'HalfOpen' || (opensAt !== undefined && !open);
  const most = spec.maxConcurrent ?? Number.POSITIVE_INFINITY;
  const mostStarting = open ? 0 : trying ? 1 : (spec.maxStarting ?? Number.POSITIVE_INFINITY);
  // An earlier grant stays valid, even if Instances with a higher priority came since.
  const kept = open ? 0 : wants.filter(({ uid }) => given.has(uid)).length;
  let free = Math.min(most - load.held - kept, mostStarting - load.starting - kept);
  let position = 0;
  for (const want of wants) {
    const keeps = !open && given.has(want.uid);
    if (keeps || free > 0) {
      if (!keeps) free -= 1;
      grants.add(want.uid);
      continue;
    }
    position += 1;
    places.set(want.uid, placeOf(load, want, position, opensAt));
  }
  return open && position > 0 ? opensAt : undefined;
}

function placeOf(load: RuntimeLoad, want: Want, position: number, opensAt: Instant | undefined): Place {
  const { name, spec, held } = load;
  const base = { position, since: want.since };
  if (opensAt !== undefined)
    return {
      ...base,
      reason: 'BreakerOpen',
      message: `Starts on Runtime ${name} kept failing. The next start is at ${shortTime(opensAt)}. To start now, run agentctl resume runtime ${name}.`,
    };
  const { maxDepth } = spec.queue;
  const use = spec.maxConcurrent === undefined ? '' : ` (${held} of ${spec.maxConcurrent} in use)`;
  if (maxDepth !== undefined && position > maxDepth)
    return {
      ...base,
      reason: 'QueueFull',
      message: `Runtime ${name} is full${use}, and so is its queue of ${maxDepth}. Stop other agents, or raise spec.maxConcurrent.`,
    };
  return {
    ...base,
    reason: 'Queued',
    message: `It is number ${position} in the queue of Runtime ${name}${use}.`,
  };
}

export type Breaker = NonNullable<RuntimeStatus['breaker']>;

/**
 * - Failed, Succeeded: a start on the Runtime.
 * - FailedAgain: another failed start of the Agent whose start failed last, while the Runtime has other Agents too. Its
 *   manifest may be at fault, and it must not stop the others.
 * - Resumed: a new value of the annotation agentctl.dev/resume.
 * - Time: only time has passed.
 */
type BreakerEvent = 'Failed' | 'FailedAgain' | 'Succeeded' | 'Resumed' | 'Time';

export const closed: Breaker = { state: 'Closed', failures: 0 };

/** Returns what an action's outcome means for its Runtime. Only starts count, and only those that lacked nothing. */
export function breakerEvent(action: ActionType, { result }: Outcome): BreakerEvent | undefined {
  if (action !== 'Start') return undefined;
  if (result === 'Succeeded') return 'Succeeded';
  return result === 'Retryable' ? 'Failed' : undefined;
}

/**
 * Returns the circuit breaker after an event. Open allows no start. After the cooldown, HalfOpen allows one start at a
 * time.
 */
export function nextBreaker(
  breaker: Breaker | undefined,
  event: BreakerEvent,
  spec: RuntimeSpec,
  now: Instant,
): Breaker {
  const { failureThreshold } = spec.circuitBreaker;
  const current = breaker ?? closed;
  if (failureThreshold === 0) return closed;
  switch (event) {
    case 'Resumed':
      return closed;
    case 'Succeeded':
      return current.state === 'Open' || (current.state === 'Closed' && !current.failures) ? current : closed;
    case 'FailedAgain':
    case 'Failed': {
      if (event === 'FailedAgain' && current.state !== 'HalfOpen') return current;
      const failures = (current.failures ?? 0) + 1;
      const opens =
        current.state === 'HalfOpen' || (current.state === 'Closed' && failures >= failureThreshold);
      return opens ? { state: 'Open', failures, openedAt: timeText(now) } : { ...current, failures };
    }
    case 'Time': {
      const at = halfOpensAt(current, spec, now);
      return at !== undefined && at <= now ? { ...current, state: 'HalfOpen' } : current;
    }
  }
}

/** When an open breaker becomes half-open. */
export function halfOpensAt(breaker: Breaker, spec: RuntimeSpec, now: Instant): Instant | undefined {
  if (breaker.state !== 'Open') return undefined;
  const opened = Math.min(now, instant(breaker.openedAt) ?? now); // the clock may have been set back
  return opened + span(spec.circuitBreaker.cooldown, 120_000);
}
