import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Event } from '../../src/api/objects.ts';
import type { List } from '../../src/client/resources.ts';
import { ready } from './questions.ts';
import { eventually, Session } from './support.ts';
import { configMaps, Followed, settingOf } from './sync-followed.ts';
import { settings, web } from './sync-manifests.ts';
import { fleetOf, tellOfPush } from './sync-support.ts';

/** The controller is killed somewhere in a sync of hundreds of objects, each time at another moment, and comes back. */

/** Enough that they are not all written within one moment. */
const objects = 300;
const token = 'the token of the webhook';

let session: Session;
let story: Followed;
beforeAll(async () => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  const files = { 'web.yaml': web('steady'), ...manifests('one') };
  story = await Followed.begin(session, 'killed', files, { spec: { interval: '10m' }, webhookToken: token });
  await ready(session, 'steady');
});
afterAll(async () => {
  await story[Symbol.asyncDispose]();
  await session.end();
});

/** All of them change with the value, and the name of one does. */
const manifests = (value: string): Record<string, string> => ({
  'all.yaml': Array.from({ length: objects - 2 }, (_, at) =>
    settings(`killed-${String(at).padStart(3, '0')}`, value),
  ).join(''),
  'named.yaml': settings(`killed-by-${value}`, value),
});

async function push(value: string): Promise<void> {
  await story.repository.publish(manifests(value));
  expect(await tellOfPush(session, token, { name: 'killed' })).toBe(202);
}

/** Counts the objects that are written from now on. */
async function watched(): Promise<{ count: () => number; end: () => Promise<void> }> {
  const watch = session.begin(['get', 'configmaps', '--watch-only', '--no-headers']);
  let tries = 0;
  // It watches once it has told of a change.
  await eventually(
    () => session.apply(settings('watched', `try-${++tries}`)),
    () => watch.output() !== '',
  );
  return { count: () => watch.output().match(/^killed-/gm)?.length ?? 0, end: watch.end };
}

/** As `eventually`, but asks each millisecond. */
async function soon<T>(ask: () => T | undefined): Promise<T> {
  for (let tries = 0; tries < 30_000; tries += 1) {
    const answer = ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error('it never came about');
}

const alive = (pid: number): true | undefined => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return undefined;
  }
};

/** So long after the push, or so many objects are seen to have been written by then. */
const moments: { after?: number; written?: number }[] = [{ after: 120 }, { written: 1 }, { written: 150 }];

test.each(moments)(
  'killed at %o, it ends at the revision, with nothing twice and nothing lost',
  async ({ after = 0, written = 0 }) => {
    const value = `at-${after}-${written}`;
    const before = await fleetOf(session);
    const pid = await session.controllerPid();
    const watch = await watched();
    await push(value);
    await new Promise((resolve) => setTimeout(resolve, after)); // any moment: this is what is played
    await soon(() => (watch.count() >= written ? true : undefined));
    process.kill(pid, 'SIGKILL');
    await soon(() => (alive(pid) ? undefined : true));
    await watch.end();
    const revision = await story.repository.head();
    await session.run(['controller', 'start']);
    expect((await story.synced()).status).toMatchObject({ revision, objects });
    const names = await configMaps(session, 'killed-');
    expect(names).toHaveLength(objects - 1);
    expect(names.filter((name) => name.startsWith('killed-by-'))).toEqual([`killed-by-${value}`]);
    for (const name of ['killed-000', 'killed-150', 'killed-297'])
      expect(await settingOf(session, name)).toBe(value);
    // No agent has felt any of it: the same objects, the same runs.
    expect(await fleetOf(session)).toEqual(before);
    expect(await session.run(['diff', '--sync', 'killed'])).toMatchObject({ code: 0 });
  },
);

test('after all of these ends nothing is told but what was synced', async () => {
  const { items } = await session.json<List<Event>>('get events');
  const told = items.filter(({ involvedObject }) => involvedObject.name === 'killed');
  expect(new Set(told.map(({ reason }) => reason))).toEqual(new Set(['Synced']));
});
