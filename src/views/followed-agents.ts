import { type Agent, type Kind, type Kinds, keyText, type ObjectMeta } from '../api/objects.ts';
import type { Informer } from '../client/informer.ts';
import { type AgentView, agentView, runtimeOf } from './agent-view.ts';

interface AgentInformers {
  agents: Informer<'Agent'>;
  instances: Informer<'Instance'>;
  revisions: Informer<'Revision'>;
  policies: Informer<'Policy'>;
  runtimes: Informer<'Runtime'>;
}

/**
 * The views of all agents, kept current by informers: a change drops only the views of the agents that it is about.
 * They have no messages and no usage, which have no informers.
 */
export class FollowedAgents {
  readonly #from: AgentInformers;
  readonly #views = new Map<string, AgentView>();
  readonly #onChange: (agent: string) => void;

  /** Call before the informers start. `onChange` gets the key of each agent whose view has changed or is gone. */
  constructor(from: AgentInformers, onChange: (agent: string) => void = () => {}) {
    this.#from = from;
    this.#onChange = onChange;
    const { agents, instances, revisions, policies, runtimes } = from;
    agents.addIndex('view/uid', ({ metadata }) => [metadata.uid]);
    agents.addIndex('view/policy', (agent) => present(policyKey(agent)));
    agents.addIndex('view/runtime', (agent) => present(runtimeOf(agent)));
    instances.addIndex('view/agent', ({ spec }) => [spec.agentUID]);
    revisions.addIndex('view/agent', ({ metadata }) => ownersOf(metadata));
    this.#follow(agents, (agent) => [agent]);
    this.#follow(instances, ({ spec }) => agents.byIndex('view/uid', spec.agentUID));
    this.#follow(revisions, ({ metadata }) =>
      ownersOf(metadata).flatMap((uid) => agents.byIndex('view/uid', uid)),
    );
    this.#follow(policies, ({ metadata }) => agents.byIndex('view/policy', keyText(metadata)));
    this.#follow(runtimes, ({ metadata }) => agents.byIndex('view/runtime', metadata.name));
  }

  /** The key is `namespace/name`. */
  get(key: string): AgentView | undefined {
    const { agents, instances, revisions, policies, runtimes } = this.#from;
    const agent = agents.get(key);
    if (agent === undefined) return undefined;
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const { uid } = agent.metadata;
    const view = agentView({
      agent,
      instances: instances.byIndex('view/agent', uid),
      revisions: revisions.byIndex('view/agent', uid),
      policy: policies.get(policyKey(agent) ?? ''),
      runtime: runtimes.get(runtimeOf(agent) ?? ''),
    });
    this.#views.set(key, view);
    return view;
  }

  list(): AgentView[] {
    return this.#from.agents.list().flatMap(({ metadata }) => this.get(keyText(metadata)) ?? []);
  }

  #follow<K extends Kind>(informer: Informer<K>, agentsOf: (object: Kinds[K]) => readonly Agent[]): void {
    const changed = (...objects: Kinds[K][]): void => {
      const keys = objects.flatMap(agentsOf).map(({ metadata }) => keyText(metadata));
      for (const key of keys) this.#views.delete(key);
      for (const key of new Set(keys)) this.#onChange(key);
    };
    informer.addHandler({ added: changed, updated: changed, deleted: changed });
  }
}

const ownersOf = ({ ownerReferences = [] }: ObjectMeta): string[] => ownerReferences.map(({ uid }) => uid);

const policyKey = ({ metadata, spec: { policyRef } }: Agent): string | undefined =>
  policyRef && keyText({ ...metadata, name: policyRef.name });

const present = (key: string | undefined): string[] => (key === undefined ? [] : [key]);
