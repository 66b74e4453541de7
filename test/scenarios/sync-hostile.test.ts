import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sync } from '../../src/api/objects.ts';
import type { List } from '../../src/client/resources.ts';
import { Session } from './support.ts';
import { Followed, settingOf } from './sync-followed.ts';
import { settings } from './sync-manifests.ts';
import { conditionOf } from './sync-support.ts';

/** What a push can do to those that have nothing to do with it: nothing. */

let session: Session;
beforeAll(() => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
});
afterAll(() => session.end());

/** Each takes some seconds and hundreds of MB to parse. */
const slow = `a: [${'a,'.repeat(500_000)}]\n`;
const tree = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`slow-${at}.yaml`, slow]));

test('while a hostile tree is parsed the API answers, other Syncs continue, and then its condition says why', async () => {
  await using calm = await Followed.begin(session, 'calm', { 'a.yaml': settings('calm', 'one') });
  await using hostile = await Followed.begin(
    session,
    'hostile',
    { 'a.yaml': settings('hostile', 'one') },
    { spec: { timeout: '15s' } },
  );
  const good = await hostile.repository.head();
  await hostile.repository.publish(tree);
  let isTold = false;
  const told = hostile.says({ Ready: 'Timeout' }, 120_000).then((sync) => {
    isTold = true;
    return sync;
  });
  const answered = await session.json<List<Sync>>('get syncs');
  expect(isTold).toBe(false);
  expect(answered.items.map(({ metadata }) => metadata.name).sort()).toEqual(['calm', 'hostile']);
  await calm.publish({ 'a.yaml': settings('calm', 'two') });
  expect(await settingOf(session, 'calm')).toBe('two');
  const { status } = await told;
  expect(status?.revision).toBe(good);
  expect(conditionOf(await hostile.get(), 'Ready')?.message).toMatch(
    /could not be read within [\d.]+ s: (split or simplify it|raise spec.timeout, or split them among several Syncs)\. main@\w+ remains applied\.$/,
  );
  expect(await settingOf(session, 'hostile')).toBe('one');
  await hostile.repository.publish(Object.fromEntries(Object.keys(tree).map((name) => [name, null])));
  await hostile.synced();
});
