import { onTestFinished } from 'vitest';
import { LocalClient } from '../../src/client/local.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createRegistry, type Registry } from '../../src/registry/registry.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { ManualClock } from '../fakes/clock.ts';

export interface Harness {
  store: Store;
  clock: ManualClock;
  registry: Registry;
  client: LocalClient;
  as(manager: string): LocalClient;
}

/** A registry over a store in memory; it is closed when the test ends. */
export async function harness(): Promise<Harness> {
  const clock = new ManualClock('2026-03-01T12:00:00Z');
  const store = openStore(':memory:', { log: silentLog });
  const registry = await createRegistry({ store, clock, ids: randomIds, log: silentLog });
  onTestFinished(() => store.close());
  const as = (manager: string) => new LocalClient(registry, manager);
  return { store, clock, registry, client: as('test'), as };
}
