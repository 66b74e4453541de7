/**
 * A controller over the real store, registry and process driver that kills itself with SIGKILL just before or just
 * after its nth effect (a write to the API, or a call to the driver that changes something). For controller-crash.test.
 */

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { finalizer } from '../../src/api/annotations.ts';
import { kindInfo } from '../../src/api/kinds.ts';
import { parseManifests } from '../../src/api/manifest.ts';
import type { PolicySpec } from '../../src/api/objects.ts';
import { withDefaults } from '../../src/api/shape.ts';
import { LocalClient } from '../../src/client/local.ts';
import { Controller } from '../../src/controller/controller.ts';
import { createProcessDriver } from '../../src/drivers/process.ts';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { inPlace } from '../../src/sources/parsing/parser.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { collector } from '../collector.ts';
import { FakeSources } from '../fakes/sources.ts';

const [state = '', manifest = '', crashAt = '0'] = process.argv.slice(2);
const effects = new Set(['create', 'update', 'patch', 'delete', 'restart', 'signal', 'kill', 'remove']);
let step = 0;

function countStep(): void {
  step += 1;
  if (step === Number(crashAt)) process.kill(process.pid, 'SIGKILL');
}

/** Counts a step before and after each effect. */
function crashing<T extends object>(target: T): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== 'function') return value;
      if (!effects.has(String(name))) return value.bind(object);
      return async (...args: unknown[]) => {
        if (args[0] === 'Event') return value.apply(object, args);
        countStep();
        const answer: unknown = await value.apply(object, args);
        countStep();
        return answer;
      };
    },
  });
}

const [clock, ids, log] = [systemClock, randomIds, silentLog];
mkdirSync(state, { recursive: true });
const store = openStore(join(state, 'agentctl.db'), { log });
const registry = await createRegistry({ store, clock, ids, log, finalizers: { Agent: finalizer } });
const user = new LocalClient(registry, 'test');
const runtime = {
  apiVersion: 'agentctl.dev/v1',
  kind: 'Runtime',
  metadata: { name: 'process' },
  spec: { driver: 'process' },
};
await user.patch('Runtime', { name: 'process' }, { type: 'apply', body: runtime });
for (const { info, name = '', object } of parseManifests([{ name: manifest, bytes: readFileSync(manifest) }])
  .documents) {
  await user.patch(info.kind, { namespace: 'default', name }, { type: 'apply', body: object });
}
const spec = kindInfo('Policy').schema.properties?.spec ?? {};
const controller = new Controller({
  journal: openJournal(join(state, 'journal.db'), { log }),
  resources: crashing(new LocalClient(registry, 'agentctl-controller')),
  sources: new FakeSources(),
  parsers: { syncs: inPlace, agents: inPlace },
  makeDriver: async () =>
    crashing(createProcessDriver({ stateDir: state, storeId: store.id, collector, clock, log })),
  defaultPolicy: withDefaults(spec, {}) as PolicySpec, // every field of the schema has a default
  key: Buffer.alloc(32),
  storeId: store.id,
  version: 'test',
  clock,
  ids,
  log,
});
await controller.start();
process.send?.('started');
setInterval(() => {}, 60_000);
