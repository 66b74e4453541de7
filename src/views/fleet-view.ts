import { isApiError } from '../api/errors.ts';
import type { KindInfo } from '../api/kinds.ts';
import { type Agent, type Kind, type Kinds, keyText, type ObjectMeta } from '../api/objects.ts';
import type { Informer } from '../client/informer.ts';
import type { Table, TableColumn, TableEvent, TableRow, Tables } from '../client/resources.ts';
import { type AgentView, agentView, runtimeOf } from './agent-view.ts';

/** A request for objects of one kind: with these names, or all if there are no names. */
export interface Ask {
  info: KindInfo;
  names: readonly string[];
}

/** Where to look. Without a namespace: in all namespaces. */
export interface Scope {
  namespace?: string | undefined;
  labelSelector?: string;
  fieldSelector?: string;
}

/** Objects of several kinds in tables, with the columns of the server. */
interface FleetView {
  /** In the order in which they were asked for, without empty ones. */
  tables: readonly KindTable[];
  /** Why objects that were named could not be read. */
  failures: readonly unknown[];
}

/** The objects of one kind, one row each. */
interface KindTable {
  info: KindInfo;
  columns: readonly TableColumn[];
  rows: readonly TableRow[];
}

/** A KindTable that `take` keeps current. */
export class FollowedTable implements KindTable {
  readonly info: KindInfo;
  readonly columns: readonly TableColumn[];
  readonly #rows = new Map<string, TableRow>();

  constructor(info: KindInfo, { columnDefinitions, rows }: Table) {
    this.info = info;
    this.columns = columnDefinitions;
    for (const row of rows) this.#rows.set(rowKey(row), row);
  }

  get rows(): TableRow[] {
    return [...this.#rows.values()];
  }

  /** Returns the rows that are new or changed; of a deleted object its last one. */
  take({ type, object: { rows } }: TableEvent): readonly TableRow[] {
    if (type === 'BOOKMARK') return [];
    for (const row of rows) {
      if (type === 'DELETED') this.#rows.delete(rowKey(row));
      else this.#rows.set(rowKey(row), row);
    }
    return rows;
  }
}

/** Names are unique in a table, whatever the server sends with a row. */
const rowKey = ({ object, cells: [name] }: TableRow): string =>
  object === undefined ? String(name) : keyText(object.metadata);

const tableOf = (info: KindInfo, { columnDefinitions, rows }: Table): KindTable => ({
  info,
  columns: columnDefinitions,
  rows,
});

interface FleetOptions {
  /** Each row has its whole object. */
  withObjects: boolean;
  /** An object that was named and does not exist is no failure. */
  ignoreNotFound: boolean;
}

export async function readFleet(
  tables: Pick<Tables, 'list'>,
  asks: readonly Ask[],
  scope: Scope,
  { withObjects, ignoreNotFound }: FleetOptions,
): Promise<FleetView> {
  const failures: unknown[] = [];
  const read = async ({ info, names }: Ask): Promise<KindTable | undefined> => {
    const options = {
      ...scope,
      namespace: info.namespaced ? scope.namespace : undefined,
      ...(withObjects && { includeObject: 'Object' as const }),
    };
    if (names.length === 0) return tableOf(info, await tables.list(info.kind, options));
    const found: Table[] = [];
    for (const name of names) {
      try {
        found.push(await tables.list(info.kind, { ...options, name }));
      } catch (error) {
        if (!(ignoreNotFound && isApiError(error, 'NotFound'))) failures.push(error);
      }
    }
    const [first] = found;
    return first && tableOf(info, { ...first, rows: found.flatMap(({ rows }) => rows) });
  };
  const all = await Promise.all(asks.map(read));
  return {
    tables: all.flatMap((table) => (table === undefined || table.rows.length === 0 ? [] : [table])),
    failures,
  };
}

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
