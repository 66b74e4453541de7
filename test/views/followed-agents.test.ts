import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AnyObject, type Kind, type Kinds, keyText } from '../../src/api/objects.ts';
import { Informer } from '../../src/client/informer.ts';
import type { Resources, WatchEvent, WatchOptions } from '../../src/client/resources.ts';
import { silentLog } from '../../src/platform/log.ts';
import { agentView } from '../../src/views/agent-view.ts';
import { FollowedAgents } from '../../src/views/fleet-view.ts';
import { ManualClock } from '../fakes/clock.ts';
import { agentOf, instanceOf, revisionOf, runtimeOf } from '../plan/worlds.ts';
import { metaOf } from './objects.ts';

/** A server of objects of several kinds that only lists and watches. */
class Served {
  readonly objects = new Map<string, AnyObject>();
  #version = 0;
  #log: WatchEvent<AnyObject>[] = [];
  #wake = Promise.withResolvers<void>();

  put(object: AnyObject): void {
    const key = `${object.kind} ${keyText(object.metadata)}`;
    const known = this.objects.get(key);
    const now = this.#next(object);
    this.objects.set(key, now);
    this.#tell({ type: known === undefined ? 'ADDED' : 'MODIFIED', object: now });
  }

  delete({ kind, metadata }: AnyObject): void {
    const last = this.objects.get(`${kind} ${keyText(metadata)}`);
    if (last === undefined) return;
    this.objects.delete(`${kind} ${keyText(metadata)}`);
    this.#tell({ type: 'DELETED', object: this.#next(last) });
  }

  all<K extends Kind>(kind: K): Kinds[K][] {
    return [...this.objects.values()].filter((each) => each.kind === kind) as Kinds[K][]; // of that kind
  }

  get resources(): Resources {
    const server = {
      list: async (kind: Kind) => ({
        items: this.all(kind),
        metadata: { resourceVersion: String(this.#version) },
      }),
      watch: (kind: Kind, options: WatchOptions) => this.#watch(kind, options),
    };
    return server as unknown as Resources; // an informer only lists and watches
  }

  #next(object: AnyObject): AnyObject {
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) };
    return { ...object, metadata } as AnyObject; // the kind stays
  }

  #tell(event: WatchEvent<AnyObject>): void {
    this.#log.push(event);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async *#watch(kind: Kind, { resourceVersion }: WatchOptions): AsyncGenerator<WatchEvent<AnyObject>> {
    for (let from = Number(resourceVersion); ; from++) {
      while (this.#log[from] === undefined) await this.#wake.promise;
      const event = this.#log[from];
      if (event !== undefined && event.type !== 'BOOKMARK' && event.object.kind === kind) yield event;
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function following(served: Served) {
  const deps = {
    resources: served.resources,
    clock: new ManualClock('2026-03-01T12:00:00Z'),
    log: silentLog,
  };
  const informers = {
    agents: new Informer('Agent', deps),
    instances: new Informer('Instance', deps),
    revisions: new Informer('Revision', deps),
    policies: new Informer('Policy', deps),
    runtimes: new Informer('Runtime', deps),
  };
  const changed: string[] = [];
  const followed = new FollowedAgents(informers, (key) => changed.push(key));
  const all = Object.values(informers);
  for (const informer of all) informer.start(new AbortController().signal);
  await Promise.all(all.map(({ synced }) => synced));
  await turn();
  return { followed, changed };
}

const names = ['web', 'api'] as const;
type Name = (typeof names)[number];
const policies = ['slow', 'fast'] as const;
const runtimes = ['docker', 'box'] as const;

const agent = (name: Name, policy?: string, runtime?: string) =>
  agentOf(
    { ...(policy && { policyRef: { name: policy } }), ...(runtime && { runtimeRef: { name: runtime } }) },
    { name, uid: `uid-${name}` },
  );
const instance = (name: Name, ordinal: number, phase: 'Ready' | 'Failed' = 'Ready') => {
  const made = instanceOf(
    { phase, run: { number: 1, revision: `${name}-1`, claimedAt: '' } as never },
    ordinal,
  );
  const metadata = { ...made.metadata, name: `${name}-${ordinal}`, uid: `uid-${name}-${ordinal}` };
  return { ...made, metadata, spec: { ...made.spec, agentName: name, agentUID: `uid-${name}` } };
};
const revision = (name: Name, image: string) => {
  const made = revisionOf(agentOf({ template: { image } }, { name }));
  const owner = { apiVersion: 'agentctl.dev/v1', kind: 'Agent', name, uid: `uid-${name}` };
  return { ...made, metadata: { ...made.metadata, uid: `uid-${name}-r`, ownerReferences: [owner] } };
};
const policy = (name: string, maxFailures: number) => ({
  apiVersion: 'agentctl.dev/v1' as const,
  kind: 'Policy' as const,
  metadata: metaOf(name),
  spec: { restart: { on: 'Failure', maxFailures } } as never, // with the field that counts here
});
const runtime = (name: string, version: string) => ({ ...runtimeOf({}, name), status: { version } });

/** The views that a list of all objects gives. */
const listed = (served: Served) =>
  served.all('Agent').map((each) =>
    agentView({
      agent: each,
      instances: served.all('Instance'),
      revisions: served.all('Revision'),
      policy: served.all('Policy').find(({ metadata }) => metadata.name === each.spec.policyRef?.name),
      runtime: served.all('Runtime').find(({ metadata }) => metadata.name === each.spec.runtimeRef?.name),
    }),
  );

const byName = <T extends { metadata: { name: string } }>(all: T[]): T[] =>
  all.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));

describe('the views of agents that are followed', () => {
  const name = fc.constantFrom(...names);
  const object: fc.Arbitrary<AnyObject> = fc.oneof(
    fc
      .tuple(name, fc.option(fc.constantFrom(...policies)), fc.option(fc.constantFrom(...runtimes)))
      .map(([of, policy, runtime]) => agent(of, policy ?? undefined, runtime ?? undefined)),
    fc
      .tuple(name, fc.nat(2), fc.constantFrom('Ready' as const, 'Failed' as const))
      .map((of) => instance(...of)),
    fc.tuple(name, fc.constantFrom('web:1', 'web:2')).map((of) => revision(...of)),
    fc.tuple(fc.constantFrom(...policies), fc.nat(9)).map((of) => policy(...of)),
    fc.tuple(fc.constantFrom(...runtimes), fc.constantFrom('1', '2')).map((of) => runtime(...of)),
  );

  test('are those of the list after each change, in any order', async () => {
    const change = fc.record({ object, isDeleted: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 25 }), async (changes) => {
        const served = new Served();
        const { followed } = await following(served);
        for (const { object, isDeleted } of changes) {
          if (isDeleted) served.delete(object);
          else served.put(object);
          await turn();
          expect(byName(followed.list())).toEqual(byName(listed(served)));
        }
      }),
    );
  });

  test('stay as they are when something else changes, and say when they change', async () => {
    const served = new Served();
    for (const of of [agent('web', 'slow', 'docker'), agent('api', 'fast', 'docker')]) served.put(of);
    const { followed, changed } = await following(served);
    const changedBy = async (object: AnyObject) => {
      const before = names.map((each) => followed.get(`default/${each}`));
      changed.length = 0;
      served.put(object);
      await turn();
      const after = names.map((each) => followed.get(`default/${each}`));
      expect(names.filter((_, at) => before[at] !== after[at]).map((each) => `default/${each}`)).toEqual(
        changed,
      );
      return [...changed];
    };
    expect(await changedBy(instance('web', 0))).toEqual(['default/web']);
    expect(await changedBy(revision('api', 'web:2'))).toEqual(['default/api']);
    expect(await changedBy(policy('fast', 3))).toEqual(['default/api']);
    expect(await changedBy(runtime('docker', '2'))).toEqual(['default/web', 'default/api']);
    expect(await changedBy(runtime('box', '1'))).toEqual([]);
    expect(await changedBy(agent('web', 'fast'))).toEqual(['default/web']);
    expect(await changedBy(policy('slow', 3))).toEqual([]);
  });
});
