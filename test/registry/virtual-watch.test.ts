import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ResourceEvent } from '../../src/registry/list-watch.ts';
import type { RegistryWatchOptions } from '../../src/registry/object.ts';
import { VirtualFeed } from '../../src/registry/virtual-registry.ts';
import { ManualClock } from '../fakes/clock.ts';
import { ScriptedTalk } from '../fakes/talk.ts';

let script: ScriptedTalk;
let clock: ManualClock;
let feed: VirtualFeed;
let abort: AbortController;
beforeEach(() => {
  script = new ScriptedTalk();
  clock = new ManualClock('2026-03-01T12:00:00Z');
  feed = new VirtualFeed(script, clock);
  abort = new AbortController();
});
afterEach(() => abort.abort());

const watch = (options: Omit<RegistryWatchOptions, 'signal'> = {}): AsyncGenerator<ResourceEvent> =>
  feed.watch('Message', { ...options, signal: abort.signal });

const shown = (event: ResourceEvent): string =>
  event.type === 'BOOKMARK' ? 'BOOKMARK' : `${event.type} ${event.object.metadata.name}`;

async function take(events: AsyncGenerator<ResourceEvent>, count: number): Promise<string[]> {
  const out: string[] = [];
  while (out.length < count) {
    const { value, done } = await events.next();
    if (done === true) break;
    out.push(shown(value));
  }
  return out;
}

test('first what is there, then what happens, in its order', async () => {
  script.message('a');
  const events = watch();
  expect(await take(events, 1)).toEqual(['ADDED a']);
  script.message('b');
  script.message('a');
  script.approval('other');
  script.remove('Message', 'a');
  expect(await take(events, 3)).toEqual(['ADDED b', 'MODIFIED a', 'DELETED a']);
});

test('nothing is lost between the first look and the first read of a change', async () => {
  script.message('a');
  script.message('b');
  const events = watch();
  await take(events, 1);
  script.message('c');
  expect(await take(events, 2)).toEqual([expect.stringMatching(/^ADDED [ab]$/), 'ADDED c']);
});

test('a namespace alone', async () => {
  script.message('a', {}, 'other');
  const events = watch({ namespace: 'default' });
  const next = take(events, 1);
  script.message('b', {}, 'other');
  script.message('c');
  expect(await next).toEqual(['ADDED c']);
});

test('from a version on it tells what has changed since, as it is now', async () => {
  script.message('a');
  script.message('b');
  const resourceVersion = String(script.revision());
  script.message('c');
  script.message('a');
  const events = watch({ resourceVersion });
  expect(await take(events, 2)).toEqual(['MODIFIED c', 'MODIFIED a']);
  script.message('b');
  expect(await take(events, 1)).toEqual(['MODIFIED b']);
});

test('from the newest version on it tells only what happens', async () => {
  script.message('a');
  const events = watch({ resourceVersion: String(script.revision()) });
  const next = take(events, 1);
  script.message('b');
  expect(await next).toEqual(['ADDED b']);
});

test.each([
  ['the version is of before the controller’s start', -50],
  ['the version is yet to come', 50],
])('the client must list again where %s', async (_, offset) => {
  script.message('a');
  const resourceVersion = String(script.revision() + offset);
  await expect(watch({ resourceVersion }).next()).rejects.toMatchObject({ code: 'Expired' });
});

test('the client must list again where a deletion was among what it missed', async () => {
  script.message('a');
  const resourceVersion = String(script.revision());
  const other = watch();
  await take(other, 1);
  script.remove('Message', 'a');
  await expect(watch({ resourceVersion }).next()).rejects.toMatchObject({ code: 'Expired' });
});

test('changes are asked for only while somebody watches', async () => {
  script.message('a');
  const events = [watch(), watch()];
  for (const each of events) await take(each, 1);
  expect(script.isWatched).toBe(true);
  await events[0]?.return(undefined);
  expect(script.isWatched).toBe(true);
  await events[1]?.return(undefined);
  expect(script.isWatched).toBe(false);
});

test('a deletion of another kind is no reason to list again', async () => {
  const other = watch();
  void other.next();
  script.approval('x');
  const resourceVersion = String(script.revision());
  script.remove('Approval', 'x');
  script.message('a');
  expect(await take(watch({ resourceVersion }), 1)).toEqual(['MODIFIED a']);
});

test('what begins to match is added, what ceases to is deleted', async () => {
  script.message('a');
  script.message('b', { status: { state: 'Failed' } });
  const events = watch({ fieldSelector: 'status.state=Pending' });
  expect(await take(events, 1)).toEqual(['ADDED a']);
  script.message('a', { status: { state: 'Delivered' } });
  script.message('a', { status: { state: 'Completed' } });
  script.message('b', { status: { state: 'Pending' } });
  script.remove('Message', 'b');
  expect(await take(events, 3)).toEqual(['DELETED a', 'ADDED b', 'DELETED b']);
});

test('what matched at the version is deleted when it ceases to', async () => {
  script.message('a');
  const resourceVersion = String(script.revision());
  const events = watch({ resourceVersion, fieldSelector: 'status.state=Pending' });
  const next = take(events, 1);
  script.message('a', { status: { state: 'Failed' } });
  expect(await next).toEqual(['DELETED a']);
});

test('one that falls behind is told of each object once, as it is then', async () => {
  const events = watch();
  const first = take(events, 1);
  script.message('a');
  await first;
  for (let n = 0; n < 3_000; n++) script.message(`m${n % 10}`, { status: { state: 'Pending', attempts: n } });
  const seen = new Map<string, unknown>();
  for (let n = 0; n < 10; n++) {
    const { value } = await events.next();
    if (value.type !== 'BOOKMARK') seen.set(value.object.metadata.name, value.object.status);
  }
  expect(seen.size).toBe(10);
  expect(seen.get('m9')).toEqual({ state: 'Pending', attempts: 2_999 });
  script.message('last');
  expect(await take(events, 1)).toEqual(['ADDED last']);
});

test('one that falls behind and missed a deletion must list again', async () => {
  const events = watch();
  const first = take(events, 1);
  script.message('a');
  await first;
  for (let n = 0; n < 2_000; n++) script.message('b');
  script.remove('Message', 'a');
  await expect(events.next()).rejects.toMatchObject({ code: 'Expired' });
});

test('bookmarks tell that the beginning is over, and how far a quiet watch has come', async () => {
  script.message('a');
  const events = watch({ allowWatchBookmarks: true, sendInitialEvents: true });
  expect(await take(events, 1)).toEqual(['ADDED a']);
  expect((await events.next()).value).toMatchObject({
    type: 'BOOKMARK',
    object: { kind: 'Message', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
  });
  const next = events.next();
  await expect.poll(() => clock.waiting).toBe(1);
  script.approval('x');
  clock.advance(60_000);
  expect((await next).value).toMatchObject({
    type: 'BOOKMARK',
    object: { metadata: { resourceVersion: String(script.revision()) } },
  });
});

test('it ends when its signal aborts, and leaves no timer', async () => {
  const events = watch({ allowWatchBookmarks: true });
  const next = events.next();
  await expect.poll(() => clock.waiting).toBe(1);
  abort.abort();
  expect((await next).done).toBe(true);
  expect(clock.waiting).toBe(0);
});

test('a watch that its reader leaves hears no change, and leaves nothing at the signal', async () => {
  script.message('a');
  const events = watch();
  await take(events, 1);
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1);
  await events.return(undefined);
  expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
});
