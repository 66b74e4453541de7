import { agentLabel } from '../api/annotations.ts';
import { capabilitiesOf } from '../api/capabilities.ts';
import {
  type Agent,
  type AnyObject,
  type Instance,
  keyText,
  type Revision,
  references,
} from '../api/objects.ts';
import { Informer } from '../client/informer.ts';
import type { Resources } from '../client/resources.ts';
import { type Load, occupancy } from '../plan/admit.ts';
import { type Author, mayRunAsController } from '../plan/allow.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { FindInput } from './runspec.ts';

/**
 * The controller's view of the API: one informer for each kind that it reads, and an index from each referenced object
 * to the Agents that use it. So a change of a Policy, Secret, ConfigMap or Runtime enqueues all Agents that depend on
 * it.
 */
export class Cache {
  readonly agents: Informer<'Agent'>;
  readonly instances: Informer<'Instance'>;
  readonly revisions: Informer<'Revision'>;
  readonly policies: Informer<'Policy'>;
  readonly runtimes: Informer<'Runtime'>;
  readonly secrets: Informer<'Secret'>;
  readonly configMaps: Informer<'ConfigMap'>;
  readonly namespaces: Informer<'Namespace'>;
  readonly syncs: Informer<'Sync'>;
  readonly #loads = new Map<string, Load>();

  constructor(resources: Resources, clock: Clock, log: Log) {
    const parts = { resources, clock, log };
    this.agents = new Informer('Agent', parts);
    this.instances = new Informer('Instance', parts);
    this.revisions = new Informer('Revision', parts);
    this.policies = new Informer('Policy', parts);
    this.runtimes = new Informer('Runtime', parts);
    this.secrets = new Informer('Secret', parts);
    this.configMaps = new Informer('ConfigMap', parts);
    this.namespaces = new Informer('Namespace', parts);
    this.syncs = new Informer('Sync', parts);
    this.agents.addIndex('uses', uses);
    this.runtimes.addIndex('secret', ({ spec }) =>
      spec.tlsSecretRef === undefined ? [] : [keyText(spec.tlsSecretRef)],
    );
    this.syncs.addIndex('secret', ({ metadata, spec: { source } }) =>
      [source.git?.secretRef, source.git?.verify?.secretRef].flatMap((reference) =>
        reference === undefined ? [] : [keyText({ ...metadata, name: reference.name })],
      ),
    );
    this.agents.addIndex('uid', ({ metadata }) => [metadata.uid]);
    this.instances.addIndex('uid', ({ metadata }) => [metadata.uid]);
    this.instances.addIndex('agent', ({ spec }) => [spec.agentUID]);
    this.instances.addIndex('agentKey', (instance) => [agentKeyOf(instance)]);
    this.instances.addIndex('runtime', ({ spec }) => [spec.runtimeRef.name]);
    this.revisions.addIndex('agent', ({ metadata }) =>
      (metadata.ownerReferences ?? []).map(({ uid }) => uid),
    );
    this.revisions.addIndex('left', leftOf);
    this.instances.addHandler({
      added: (instance) => this.#count(instance, 1),
      updated: (before, now) => {
        this.#count(before, -1);
        this.#count(now, 1);
      },
      deleted: (last) => this.#count(last, -1),
    });
  }

  /**
   * Returns how many places of a Runtime the Instances hold. Updated on each change, because each start asks for it.
   */
  load(runtime: string): Load {
    return this.#loads.get(runtime) ?? { held: 0, starting: 0 };
  }

  #count(instance: Instance, by: 1 | -1): void {
    for (const [runtime, { held, starting }] of occupancy([instance])) {
      const load = this.load(runtime);
      this.#loads.set(runtime, { held: load.held + by * held, starting: load.starting + by * starting });
    }
  }

  all(): { start(signal: AbortSignal): void; synced: Promise<void> }[] {
    const { agents, instances, revisions, policies, runtimes, secrets, configMaps, namespaces, syncs } = this;
    return [agents, instances, revisions, policies, runtimes, secrets, configMaps, namespaces, syncs];
  }

  /** Calls `enqueue` for each Agent that a change affects. */
  onChange(enqueue: (agentKey: string) => void): void {
    const users = (value: string): void => {
      for (const agent of this.agents.byIndex('uses', value)) enqueue(keyText(agent.metadata));
    };
    const owner = (uid: string): void => {
      for (const agent of this.agents.byIndex('uid', uid)) enqueue(keyText(agent.metadata));
    };
    const each = <T>(handle: (object: T) => void) => ({
      added: handle,
      updated: (_: T, now: T) => handle(now),
      deleted: handle,
    });
    this.agents.addHandler(each(({ metadata }) => enqueue(keyText(metadata))));
    this.instances.addHandler(each((instance) => enqueue(agentKeyOf(instance))));
    this.revisions.addHandler(
      each((revision) => {
        for (const { uid } of revision.metadata.ownerReferences ?? []) owner(uid);
        for (const key of leftOf(revision)) enqueue(key);
      }),
    );
    this.policies.addHandler(each(({ metadata }) => users(`Policy/${keyText(metadata)}`)));
    this.secrets.addHandler(each(({ metadata }) => users(`Secret/${keyText(metadata)}`)));
    this.configMaps.addHandler(each(({ metadata }) => users(`ConfigMap/${keyText(metadata)}`)));
  }

  /** Returns the keys of the Agents that run on a Runtime, or would run there. */
  usersOfRuntime(name: string): string[] {
    const keys = new Set<string>();
    for (const agent of this.agents.list()) {
      const wanted =
        agent.spec.runtimeRef?.name ?? this.defaultRuntime(agent.spec.template.image !== undefined);
      if (wanted === name) keys.add(keyText(agent.metadata));
    }
    for (const { metadata, spec } of this.instances.byIndex('runtime', name)) {
      keys.add(keyText({ ...metadata, name: spec.agentName }));
    }
    return [...keys];
  }

  instancesOf(agentUid: string): Instance[] {
    return [...this.instances.byIndex('agent', agentUid)].sort((a, b) => a.spec.ordinal - b.spec.ordinal);
  }

  revisionsOf(agentUid: string): Revision[] {
    return [...this.revisions.byIndex('agent', agentUid)].sort((a, b) => a.revision - b.revision);
  }

  /**
   * Returns the Runtime for an Agent without `runtimeRef`: `process` without an image. With an image: the Runtime
   * marked as default, else docker, podman, or the first by name.
   */
  defaultRuntime(container: boolean): string | undefined {
    if (!container) return 'process';
    const engines = this.runtimes.list().filter(({ spec }) => capabilitiesOf(spec).imageRequired);
    const names = engines.map(({ metadata }) => metadata.name).sort();
    const marked = engines.find(({ spec }) => spec.default);
    return marked?.metadata.name ?? ['docker', 'podman'].find((name) => names.includes(name)) ?? names[0];
  }

  /**
   * Returns whether a command from an object of this namespace may run on this host as the controller's user. That
   * needs a Runtime of this host's processes that accepts the namespace and allows this to the author.
   */
  mayRunHere(namespace: string, author: Author | undefined): boolean {
    return this.runtimes
      .list()
      .some(
        ({ spec }) =>
          capabilitiesOf(spec).hostAccess === 'Direct' &&
          spec.allowedNamespaces?.includes(namespace) !== false &&
          mayRunAsController(spec.allow, author),
      );
  }

  findInput(namespace: string): FindInput {
    return (kind, name) =>
      (kind === 'Secret' ? this.secrets : this.configMaps).get(keyText({ namespace, name }));
  }

  /** Stores the result of a write, so that the next observe sees it before the watch delivers it. */
  note(object: AnyObject): void {
    switch (object.kind) {
      case 'Agent':
        this.agents.observeWrite(object);
        break;
      case 'Instance':
        this.instances.observeWrite(object);
        break;
      case 'Revision':
        this.revisions.observeWrite(object);
        break;
      case 'Runtime':
        this.runtimes.observeWrite(object);
        break;
      case 'Policy':
        this.policies.observeWrite(object);
        break;
      case 'Secret':
        this.secrets.observeWrite(object);
        break;
      case 'ConfigMap':
        this.configMaps.observeWrite(object);
        break;
      case 'Namespace':
        this.namespaces.observeWrite(object);
        break;
      case 'Sync':
        this.syncs.observeWrite(object);
        break;
      case 'Event':
        break;
    }
  }
}

/** Returns the key of the Agent that an Instance was created for, even if that Agent is gone. */
const agentKeyOf = ({ metadata: { namespace }, spec }: Instance): string =>
  keyText({ namespace, name: spec.agentName });

/** Returns `Kind/namespace/name` of each object that an Agent references. */
function uses({ metadata, spec }: Agent): string[] {
  const key = (kind: string, name: string): string => `${kind}/${keyText({ ...metadata, name })}`;
  const inputs = references(spec.template).map(({ kind, name }) => key(kind, name));
  return spec.policyRef === undefined ? inputs : [...inputs, key('Policy', spec.policyRef.name)];
}

/** Index: the earlier Agent of a Revision that has no owner any more, for example after `delete --cascade=orphan`. */
function leftOf({ metadata }: Revision): string[] {
  const name = metadata.labels?.[agentLabel];
  return name === undefined || metadata.ownerReferences !== undefined ? [] : [keyText({ ...metadata, name })];
}
