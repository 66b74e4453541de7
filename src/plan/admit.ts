import type { Instance, RuntimeSpec } from '../api/objects.ts';
import type { Want } from './action.ts';
import { type Breaker, closed, halfOpensAt } from './breaker.ts';
import { holdsPlace, retries } from './draft.ts';
import { shortTime } from './instant.ts';
import type { Instant, Place } from './world.ts';

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

export interface Admission {
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
