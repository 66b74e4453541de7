import type { AgentSpec, Revision } from '../api/objects.ts';
import { tryDuration } from '../api/time.ts';
import type { Action } from './action.ts';
import type { Context } from './context.ts';
import type { Part } from './decide.ts';
import { alive, holdsPlace, type InstanceDraft, idleCause, speaks } from './draft.ts';
import type { RevisionData } from './revision.ts';
import { lastDue, nextDue, type Step } from './schedule.ts';
import { type Instant, instant, shortTime } from './times.ts';
import type { World } from './world.ts';

type Entry = NonNullable<AgentSpec['schedule']>[number];

interface Prompts {
  actions: readonly Action[];
  /** When the next prompt is due, sent or not. */
  wakeAt: Instant | undefined;
  /** The next prompt that will be sent. */
  next: Step | undefined;
}

/** Without catchUp, a due time that was missed by more than this is skipped. */
const missedAfter = 60_000;
/**
 * If the clock was set back by more than this, earlier sends count for nothing. Otherwise nothing would be due for
 * years.
 */
const clockWentBack = 366 * 86_400_000;
const nothing: Prompts = { actions: [], wakeAt: undefined, next: undefined };

/** Plans the Agent's own prompts: spec.prompt when an instance is Ready, and the due ones of spec.schedule. */
export function promptsOf(context: Context, parts: readonly Part[]): Prompts {
  const { world, deleting } = context;
  const { spec } = world.agent;
  if (deleting || !speaks(spec)) return nothing;
  if (spec.prompt === undefined && spec.schedule === undefined) return nothing;
  const actions = firstPrompt(world, parts);
  let wakeAt: Instant | undefined;
  let next: Step | undefined;
  for (const entry of spec.schedule ?? []) {
    const { due, following } = dueOf(world, entry);
    if (due !== undefined) actions.push(actionOf(world, entry, due));
    if (following === undefined) continue;
    if (wakeAt === undefined || following < wakeAt) wakeAt = following;
    if (entry.suspend || spec.suspend) continue;
    if (next === undefined || following < next.at) next = { action: `Prompt ${entry.name}`, at: following };
  }
  return { actions, wakeAt, next };
}

function firstPrompt({ agent, inbox, now }: World, parts: readonly Part[]): Action[] {
  const { prompt, suspend } = agent.spec;
  if (prompt === undefined || suspend || inbox.sent.has('')) return [];
  if (!parts.some(({ draft }) => draft.next.phase === 'Ready')) return [];
  return [
    {
      type: 'SendPrompt',
      id: 'SendPrompt',
      after: [],
      cause: 'FirstStart',
      message: 'It is Ready for the first time.',
      dueAt: now,
      text: prompt,
      conversation: 'New',
    },
  ];
}

/** Returns the last unhandled due time, and the first future one. After a large clock change, counting begins now. */
function dueOf(world: World, entry: Entry): { due: Instant | undefined; following: Instant | undefined } {
  const { now, inbox } = world;
  const sent = inbox.sent.get(entry.name) ?? 0;
  if (sent > now + clockWentBack) return { due: now, following: dueAfter(world, entry, now) };
  const first = dueAfter(world, entry, Math.max(sent, standsSince(world, entry)));
  if (first === undefined || first > now) return { due: undefined, following: first };
  const second = dueAfter(world, entry, first);
  if (second === undefined || second > now) return { due: first, following: second };
  const due = lastOf(world, entry, second) ?? second;
  return { due, following: dueAfter(world, entry, due) };
}

// A search takes 0.1 ms, and each plan repeats the same ones.
const searched = new WeakMap<Entry, Map<Instant, Instant | undefined>>();

function dueAfter(world: World, entry: Entry, after: Instant): Instant | undefined {
  const { cron } = entry;
  if (cron === undefined) return stepped(world, entry, after, 1);
  let known = searched.get(entry);
  if (known === undefined || known.size > 8) {
    known = new Map();
    searched.set(entry, known);
  }
  if (!known.has(after)) known.set(after, nextDue(cron, entry.timezone, after));
  return known.get(after);
}

/** The last due time up to now; undefined if it is `after`. */
function lastOf(world: World, entry: Entry, after: Instant): Instant | undefined {
  const { cron, timezone } = entry;
  const last =
    cron === undefined ? stepped(world, entry, world.now, 0) : lastDue(cron, timezone, after, world.now);
  return last === after ? undefined : last;
}

/**
 * For `every`: counts the steps from the last prompt (or from standsSince) to `at`, adds `more`, and returns that
 * instant.
 */
function stepped(world: World, entry: Entry, at: Instant, more: number): Instant | undefined {
  const every = tryDuration(entry.every ?? '') ?? 0;
  if (every === 0) return undefined;
  const sent = world.inbox.sent.get(entry.name) ?? 0;
  const since = sent > world.now + clockWentBack ? world.now : Math.max(sent, standsSince(world, entry));
  return since + (Math.floor(Math.max(0, at - since) / every) + more) * every;
}

const stood = new WeakMap<Entry, { newest: Revision; since: Instant }>();

/**
 * Since when the entry's times count: the Agent's creation, or the later Revision that added it or changed its times.
 */
function standsSince(world: World, entry: Entry): Instant {
  const newest = world.revisions.at(-1);
  const known = stood.get(entry);
  if (known !== undefined && known.newest === newest) return known.since;
  const created = instant(world.agent.metadata.creationTimestamp) ?? world.now;
  if (newest === undefined) return created;
  if (!brings(newest, entry)) return world.now; // its Revision is not created yet
  let since = world.now;
  for (const revision of world.revisions.toReversed()) {
    if (!brings(revision, entry)) break;
    since = revision.revision === 1 ? created : (instant(revision.metadata.creationTimestamp) ?? since);
  }
  stood.set(entry, { newest, since });
  return since;
}

function brings(revision: Revision, { name, cron, every, timezone }: Entry): boolean {
  const { schedule } = revision.data as Partial<RevisionData>; // a Revision's data is the result of revisionData
  return (
    schedule?.some(
      (one) => one.name === name && one.cron === cron && one.every === every && one.timezone === timezone,
    ) === true
  );
}

function actionOf(world: World, entry: Entry, due: Instant): Action {
  const { name, message: text, conversation } = entry;
  const what = `The prompt ${name} of ${shortTime(due)}`;
  const base = { after: [], cause: 'Scheduled', schedule: name, dueAt: due };
  const why = whySkip(world, entry, due);
  if (why !== undefined)
    return { ...base, type: 'SkipPrompt', id: `SkipPrompt/${name}`, message: `${what} is not sent: ${why}.` };
  const message = `${what} is due.`;
  return { ...base, type: 'SendPrompt', id: `SendPrompt/${name}`, message, text, conversation };
}

function whySkip({ agent, inbox, now }: World, entry: Entry, due: Instant): string | undefined {
  if ((inbox.sent.get(entry.name) ?? 0) > due) return 'the system clock was off by years';
  if (agent.spec.suspend) return 'spec.suspend is true';
  if (entry.suspend) return 'its entry is suspended';
  if (!entry.catchUp && now - due > missedAfter) return 'it was missed, and catchUp is false';
  if (entry.overlap === 'Skip' && inbox.open.has(entry.name))
    return 'the previous one has not ended, and overlap is Skip';
  return undefined;
}

const nobody: ReadonlySet<InstanceDraft> = new Set();

/**
 * Mode OnDemand: returns the instances that must run. These are the busy ones, those with messages of their own, and as
 * many as the messages for any instance need: running instances first, by ordinal, then the lowest ordinals.
 */
export function called(
  { settings, world }: Context,
  drafts: readonly InstanceDraft[],
): ReadonlySet<InstanceDraft> {
  if (settings.mode !== 'OnDemand') return nobody;
  const found = new Set(drafts.filter(({ view }) => view.activity.busy || view.activity.waiting > 0));
  let left = world.inbox.waiting;
  if (left > 0)
    for (const draft of drafts.toSorted((one, other) => rank(one) - rank(other))) {
      const places = freePlaces(draft);
      if (places === 0) continue;
      found.add(draft);
      left -= places;
      if (left <= 0) break;
    }
  return found;
}

/** Running and restarting instances come first. Those that are being put to sleep come last. */
function rank(draft: InstanceDraft): number {
  if (alive(draft)) return draft.next.stop?.cause === idleCause ? 2 : 0;
  return draft.state === 'Unknown' || (draft.state === 'Claimed' && holdsPlace(draft.next)) ? 0 : 1;
}

/**
 * How many more conversations it can take. A busy instance counts as full: with a free place it would have the message.
 */
function freePlaces(draft: InstanceDraft): number {
  const { context, next, object, view } = draft;
  if (object.metadata.deletionTimestamp !== undefined) return 0;
  const { replicas, conversations } = context.world.agent.spec;
  if (object.spec.ordinal >= replicas) return 0;
  if (next.phase === 'Failed' || next.phase === 'Completed' || view.activity.busy) return 0;
  return Math.max(0, conversations.perInstance - view.activity.waiting);
}
