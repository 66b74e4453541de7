import { expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import type { Runtime } from '../../src/api/objects.ts';
import type { Resources } from '../../src/client/resources.ts';
import { Orphans } from '../../src/controller/orphan-reconciler.ts';
import { Session } from '../../src/controller/session.ts';
import { DriverError } from '../../src/drivers/driver.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../fakes/clock.ts';
import { createFakeDriver } from '../fakes/driver.ts';
import { FakeEngine } from '../fakes/engine.ts';

test('an orphan that cannot be removed holds up no other, and is tried again after the next list', async () => {
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const removed: string[] = [];
  let broken = true;
  const driver = {
    ...createFakeDriver(new FakeEngine({ clock }), 's'),
    kill: async (ref: string): Promise<void> => {
      if (broken && ref === 'stuck')
        throw new DriverError('Retryable', 'KillFailed', 'it hangs in the kernel');
      removed.push(ref);
    },
  };
  const runtime = { metadata: { name: 'engine' } } as Runtime; // no more of it is read
  const session = new Session(runtime, driver, { changed: () => {}, listed: () => {} }, clock, silentLog);
  session.health = { state: 'Online' };
  const base = { namespace: 'default', agent: 'a', run: 1, revision: 'a-1', state: 'Running' as const };
  for (const ref of ['stuck', 'other']) session.note(ref, { ...base, ref, instanceUid: ref, instance: ref });
  const nobody = { get: () => Promise.reject(new ApiError('NotFound', 'not found')) };
  const orphans = new Orphans(nobody as unknown as Resources, clock, silentLog); // nothing else is asked for
  const collect = async (): Promise<string[]> => {
    const { collected } = await orphans.collect(session, () => false, false);
    return collected.map(({ ref }) => ref);
  };
  await collect();
  clock.advance(60_000);
  expect(await collect()).toEqual(['other']);
  broken = false;
  expect(await collect()).toEqual(['stuck']);
  expect(removed).toEqual(['other', 'stuck']);
});
