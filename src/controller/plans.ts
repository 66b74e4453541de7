import { isApiError } from '../api/errors.ts';
import { type AnyObject, keyOf, keyText, type New, type ObjectKey } from '../api/objects.ts';
import type { Resources } from '../client/resources.ts';
import type { AgentPlan, ForecastEntry, PlanApi } from '../client/streams.ts';
import { missingInputs, refusal } from '../plan/accept.ts';
import { forecast } from '../plan/forecasting.ts';
import { outline } from '../plan/format.ts';
import { reconcile } from '../plan/reconcile.ts';
import type { World } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import type { Controller } from './controller.ts';
import type { FindInput } from './runspec.ts';

export interface PlansDeps {
  controller: Pick<Controller, 'cache' | 'observer'>;
  resources: Resources;
  clock: Clock;
  store: { id: string };
}

/** Plans what would happen, and forecasts what will. */
export class Plans implements PlanApi {
  readonly #deps: PlansDeps;

  constructor(deps: PlansDeps) {
    this.#deps = deps;
  }

  async forecast(key: ObjectKey, { until }: { until: number }): Promise<ForecastEntry[]> {
    const { controller, resources, clock } = this.#deps;
    const agent = controller.cache.agents.get(keyText(key)) ?? (await resources.get('Agent', key));
    return forecast(controller.observer.observe(agent, clock.now()), until);
  }

  /** Applies each object as a dry run, and plans as if all of them were applied. */
  async plan(
    objects: readonly New<AnyObject>[],
    { author }: { author?: string | undefined } = {},
  ): Promise<AgentPlan[]> {
    const { controller, clock } = this.#deps;
    const coming = new Set(
      objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name),
    );
    const desired: AnyObject[] = [];
    for (const object of objects) desired.push(await this.#asTaken(object, coming, author));
    const find = (kind: AnyObject['kind'], key: string): AnyObject | undefined =>
      desired.find((object) => object.kind === kind && keyText(object.metadata) === key);
    const agents = new Map(
      desired.flatMap((object) => (object.kind === 'Agent' ? [[keyText(object.metadata), object]] : [])),
    );
    for (const object of desired) {
      if (object.kind !== 'Policy' && object.kind !== 'Secret' && object.kind !== 'ConfigMap') continue;
      for (const user of controller.cache.agents.byIndex(
        'uses',
        `${object.kind}/${keyText(object.metadata)}`,
      )) {
        const key = keyText(user.metadata);
        if (!agents.has(key)) agents.set(key, user);
      }
    }
    return [...agents].map(([key, agent]) => {
      const { namespace } = agent.metadata;
      const input: FindInput = (kind, name) => {
        const object = find(kind, keyText({ namespace, name }));
        return object?.kind === 'Secret' || object?.kind === 'ConfigMap' ? object : undefined;
      };
      const policy = (name: string) => {
        const object = find('Policy', keyText({ namespace, name }));
        return object?.kind === 'Policy' ? object.spec : undefined;
      };
      const runtime = (name: string) => {
        const object = find('Runtime', name);
        return object?.kind === 'Runtime' ? object : undefined;
      };
      const stored = controller.cache.agents.get(key);
      // Status and uid come from the stored object, if there is one.
      const wanted =
        stored === undefined
          ? agent
          : {
              ...stored,
              metadata: {
                ...stored.metadata,
                annotations: agent.metadata.annotations ?? {},
                generation: agent.metadata.generation ?? 1,
              },
              spec: agent.spec,
            };
      return {
        agent: keyOf(agent),
        ...preview(controller.observer.observe(wanted, clock.now(), { policy, runtime, input })),
      };
    });
  }

  /** Returns the object as the server would store it. */
  async #asTaken(
    object: New<AnyObject>,
    coming: ReadonlySet<string | undefined>,
    author: string | undefined,
  ): Promise<AnyObject> {
    const { resources, store } = this.#deps;
    const { name = '', namespace } = object.metadata;
    const options = { dryRun: true, force: true, fieldManager: 'agentctl', author };
    // The server checks the kind of the manifest.
    const kind = object.kind as AnyObject['kind'];
    try {
      return await resources.patch(kind, { namespace, name }, { type: 'apply', body: object }, options);
    } catch (error) {
      if (!isApiError(error, 'NotFound') || !coming.has(namespace)) throw error;
    }
    // A dry run in a namespace that does not exist yet is impossible. So it uses the default namespace and an unused
    // name.
    const elsewhere = { namespace: 'default', name: `plan-${store.id}` };
    const body = { ...object, metadata: { ...object.metadata, ...elsewhere } };
    const taken = await resources.patch(kind, elsewhere, { type: 'apply', body }, options);
    Object.assign(taken.metadata, { namespace, name });
    return taken;
  }
}

/** Returns the plan for this World as text and as actions. */
function preview(world: World): Omit<AgentPlan, 'agent'> {
  const plan = reconcile(world);
  const actions = plan.actions.map(({ id, type, cause, message }) => ({ id, type, cause, message }));
  return { text: outline(plan, refusal(world) ?? missingInputs(world)), actions };
}
