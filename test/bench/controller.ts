/** A controller over the real store and registry in this process, for what cannot be seen from outside. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finalizer } from '../../src/api/annotations.ts';
import { kindInfo } from '../../src/api/kinds.ts';
import { parseManifests } from '../../src/api/manifest.ts';
import type { PolicySpec, Runtime } from '../../src/api/objects.ts';
import { withDefaults } from '../../src/api/shape.ts';
import { LocalClient } from '../../src/client/local.ts';
import type { Resources } from '../../src/client/resources.ts';
import { Controller } from '../../src/controller/controller.ts';
import type { Sources } from '../../src/controller/syncs/sync-records.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import type { Journal } from '../../src/messages/journal.ts';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import type { Parser } from '../../src/sources/parsing/parser.ts';
import { createParser } from '../../src/sources/parsing/parser-thread.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { FakeSources } from '../fakes/sources.ts';

export interface Bench extends AsyncDisposable {
  resources: Resources;
  controller: Controller;
  journal: Journal;
  parser: Parser;
  /** Of the store. */
  revision: () => number;
  apply(manifest: string): Promise<void>;
  /** Deletes all agents and waits until nothing of them is left. */
  clear(): Promise<void>;
}

/** `makeDriver` gets the store's id and a folder for state. Runtimes: `process` and, the default for images, `engine`. */
export async function openBench(
  makeDriver: (runtime: Runtime, storeId: string, stateDir: string) => Driver,
  makeSources: (stateDir: string) => Sources = () => new FakeSources(),
): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-bench-'));
  const [clock, ids, log] = [systemClock, randomIds, silentLog];
  const store = openStore(join(folder, 'agentctl.db'), { log });
  const journal = openJournal(join(folder, 'journal.db'), { log });
  const registry = await createRegistry({ store, clock, ids, log, finalizers: { Agent: finalizer } });
  const resources = new LocalClient(registry, 'bench');
  for (const [name, spec] of [
    ['process', { driver: 'process' }],
    ['engine', { driver: 'docker', endpoint: 'unix:///bench' }],
  ] as const) {
    const body = { apiVersion: 'agentctl.dev/v1', kind: 'Runtime', metadata: { name }, spec };
    await resources.patch('Runtime', { name }, { type: 'apply', body });
  }
  const parser = createParser({ clock });
  const policy = kindInfo('Policy').schema.properties?.spec ?? {};
  const controller = new Controller({
    resources: new LocalClient(registry, 'agentctl-controller'),
    journal,
    makeDriver: async (runtime) => makeDriver(runtime, store.id, folder),
    sources: makeSources(folder),
    parsers: { syncs: parser, agents: parser },
    defaultPolicy: withDefaults(policy, {}) as PolicySpec, // every field of the schema has a default
    key: Buffer.alloc(32),
    storeId: store.id,
    version: 'bench',
    clock,
    ids,
    log,
  });
  await controller.start();
  return {
    resources,
    controller,
    journal,
    parser,
    revision: () => store.revision(),
    async apply(manifest) {
      const { documents } = parseManifests([{ name: 'bench.yaml', bytes: Buffer.from(manifest) }]);
      await Promise.all(
        documents.map(({ info, name = '', object }) =>
          resources.patch(info.kind, { namespace: 'default', name }, { type: 'apply', body: object }),
        ),
      );
    },
    async clear() {
      const { items } = await resources.list('Agent');
      await Promise.all(items.map(({ metadata }) => resources.delete('Agent', metadata)));
      while ((await resources.list('Agent')).items.length > 0)
        await new Promise((done) => setTimeout(done, 20));
    },
    async [Symbol.asyncDispose]() {
      await controller.stop();
      await parser.close();
      await registry.settled();
      await journal.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
