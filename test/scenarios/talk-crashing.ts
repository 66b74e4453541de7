/**
 * A controller over the real store, journal and process driver that kills itself with SIGKILL just before or just after
 * its nth commit to the journal. It takes what is to be sent from its parent. For talk-crash.test.
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
import type { Entry, Journal } from '../../src/messages/journal.ts';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { inPlace } from '../../src/sources/parsing/parser.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { collector } from '../collector.ts';
import { FakeSources } from '../fakes/sources.ts';

export interface ScriptedMessage {
  agent: string;
  text: string;
  key: string;
  conversation?: string | undefined;
}

export type Answer =
  | { type: 'started' }
  | { type: 'sent'; key: string; id: string; conversation: string }
  | { type: 'open'; count: number };

const [state = '', manifest = '', crashAt = '0'] = process.argv.slice(2);
const tell = (answer: Answer): unknown => process.send?.(answer);
const open = ['Pending', 'Delivered', 'Acknowledged'] as const;
let step = 0;

function countStep(): void {
  step += 1;
  if (step === Number(crashAt)) process.kill(process.pid, 'SIGKILL');
}

function crashing(journal: Journal): Journal {
  return new Proxy(journal, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== 'function') return value;
      if (name !== 'commit') return value.bind(object);
      return async (entries: readonly Entry[]) => {
        countStep();
        await object.commit(entries);
        countStep();
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
const journal = openJournal(join(state, 'journal.db'), { log });
const controller = new Controller({
  resources: new LocalClient(registry, 'agentctl-controller'),
  journal: crashing(journal),
  sources: new FakeSources(),
  parsers: { syncs: inPlace, agents: inPlace },
  makeDriver: async () => createProcessDriver({ stateDir: state, storeId: store.id, collector, clock, log }),
  defaultPolicy: withDefaults(kindInfo('Policy').schema.properties?.spec ?? {}, {}) as PolicySpec, // all have defaults
  key: Buffer.alloc(32),
  storeId: store.id,
  version: 'test',
  clock,
  ids,
  log,
});
await controller.start();

async function send({ agent: name, ...newMessage }: ScriptedMessage): Promise<void> {
  const [message] = await controller.conversations.messages.send({ namespace: 'default', name }, [
    newMessage,
  ]);
  if (message === undefined) throw new Error('nothing was sent');
  tell({
    type: 'sent',
    key: newMessage.key,
    id: message.metadata.name,
    conversation: message.spec.conversation,
  });
}

process.on('message', (newMessage: ScriptedMessage | 'open') => {
  if (newMessage === 'open') tell({ type: 'open', count: journal.messages({ states: open }).length });
  else void send(newMessage);
});
process.on('disconnect', () => process.exit(0));
tell({ type: 'started' });
