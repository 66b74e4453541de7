import { describe } from 'vitest';
import { LocalClient } from '../../src/client/local.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { resourcesContract } from '../contracts/resources.ts';

describe('the local client', () => {
  resourcesContract(async () => {
    const store = openStore(':memory:', { log: silentLog });
    const registry = await createRegistry({ store, clock: systemClock, ids: randomIds, log: silentLog });
    return { resources: new LocalClient(registry, 'test'), close: () => store.close() };
  });
});
