/** Holds what a driver and the registry did against what the written model says that the action does. */
import { expect } from 'vitest';
import type { Action } from '../../src/plan/action.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { InstanceView, Observed, World } from '../../src/plan/world.ts';

/** Fails where the World after an action is not the one that the model foretold. */
export function agrees(action: Action, before: World, foretold: World, after: World | undefined): void {
  if (action.type === 'Release') {
    expect(after, 'the Agent is gone once nothing holds it').toBeUndefined();
    return;
  }
  if (after === undefined) throw new Error(`the Agent went by ${action.id}`);
  const known = new Set(before.instances.flatMap((view) => containersOf(view).map(startOf)));
  expect(shown(after, known), action.id).toEqual(shown(foretold, known));
  expect(next(after), `the plan after ${action.id}`).toEqual(next(foretold));
}

const containersOf = ({ observed }: InstanceView): readonly Observed[] =>
  observed === 'Unknown' ? [] : observed;

const startOf = ({ ref, startId }: Observed): string => `${ref} ${startId}`;

/** All that matters of a World, without the ids that nobody can foretell. */
const shown = (world: World, known: ReadonlySet<string>) => ({
  spec: world.agent.spec,
  status: world.agent.status,
  generation: world.agent.metadata.generation,
  finalizers: world.agent.metadata.finalizers ?? [],
  revisions: world.revisions.map(({ metadata, ...revision }) => ({ ...revision, ...named(metadata) })),
  instances: world.instances.map((view) => ({
    ...named(view.object.metadata),
    spec: view.object.spec,
    status: view.object.status ?? {},
    containers: containersOf(view).map((one) => ({
      // A start in a new container makes up its ref, and every start its id.
      start: known.has(startOf(one)) ? startOf(one) : 'new',
      own: one.instanceUid === view.object.metadata.uid,
      of: `${one.namespace}/${one.agent}/${one.instance}`,
      run: one.run,
      revision: one.revision,
      state: one.state,
      controllerVersion: one.controllerVersion,
      exit: one.exit === undefined ? undefined : { code: one.exit.code, cause: one.exit.cause },
    })),
  })),
});

const named = ({ name, labels, ownerReferences }: World['agent']['metadata']) => ({
  name,
  labels,
  ownerReferences,
});

/** What follows at the same instant; of ids the part before a ref. */
function next(world: World) {
  const { actions, verdicts, wants } = reconcile(world);
  return {
    actions: actions.map(({ id }) => id.split('/').slice(0, 2).join('/')),
    verdicts: verdicts.map(({ instance, phase, reason }) => `${instance} ${phase} ${reason}`),
    wants: wants.map(({ instance }) => instance),
  };
}
