import { type Agent, type AnyObject, type Instance, keyText, type Revision } from '../api/objects.ts';
import { references } from '../api/references.ts';
import { Informer } from '../client/informer.ts';
import type { Resources } from '../client/resources.ts';
import { type Load, occupancy } from '../plan/admit.ts';
import { type Author, mayRunAsController } from '../plan/allow.ts';
import { agentLabel } from '../plan/revision.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { FindInput } from './inputs.ts';

/**
 * What the controller knows of the API: an informer a kind that it reads, and the index from what an Agent names to the
 * Agent, so that a change of a Policy, Secret, ConfigMap or Runtime reaches all who use it.
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

  /** The places of a Runtime that Instances hold. Counted with each change: with each start it is asked for. */
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

  /** Enqueues the Agents that a change touches. */
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

  /** Agents that run on a Runtime, or would. */
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

  /** `process` without an image; with one the Runtime marked default, else docker, podman, or the first of its sort. */
  defaultRuntime(container: boolean): string | undefined {
    if (!container) return 'process';
    const engines = this.runtimes.list().filter(({ spec }) => spec.driver === 'docker');
    const names = engines.map(({ metadata }) => metadata.name).sort();
    const marked = engines.find(({ spec }) => spec.default);
    return marked?.metadata.name ?? ['docker', 'podman'].find((name) => names.includes(name)) ?? names[0];
  }

  /**
   * Whether a command that a namespace names may run on this host, as the controller's user: a Runtime of its processes
   * takes the namespace, and allows that to the author.
   */
  mayRunHere(namespace: string, author: Author | undefined): boolean {
    return this.runtimes
      .list()
      .some(
        ({ spec }) =>
          spec.driver === 'process' &&
          spec.allowedNamespaces?.includes(namespace) !== false &&
          mayRunAsController(spec.allow, author),
      );
  }

  findInput(namespace: string): FindInput {
    return (kind, name) =>
      (kind === 'Secret' ? this.secrets : this.configMaps).get(keyText({ namespace, name }));
  }

  /** Takes in what a write answered, so that the next observe reads its own writes. */
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

/** The key of the Agent that an Instance was made for, be it still there or not. */
const agentKeyOf = ({ metadata: { namespace }, spec }: Instance): string =>
  keyText({ namespace, name: spec.agentName });

/** `Kind/namespace/name` of all that an Agent names. */
function uses({ metadata, spec }: Agent): string[] {
  const key = (kind: string, name: string): string => `${kind}/${keyText({ ...metadata, name })}`;
  const inputs = references(spec.template).map(({ kind, name }) => key(kind, name));
  return spec.policyRef === undefined ? inputs : [...inputs, key('Policy', spec.policyRef.name)];
}

/** Of which earlier Agent a Revision is left that nobody owns any more, as after `delete --cascade=orphan`. */
function leftOf({ metadata }: Revision): string[] {
  const name = metadata.labels?.[agentLabel];
  return name === undefined || metadata.ownerReferences !== undefined ? [] : [keyText({ ...metadata, name })];
}
