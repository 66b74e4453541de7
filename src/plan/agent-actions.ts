import { agentLabel, finalizer, instanceFinalizer, ordinalLabel } from '../api/annotations.ts';
import type { Instance, New } from '../api/objects.ts';
import type { Action, Verdict } from './action.ts';
import type { Context } from './context.ts';
import { deleteRevision, ownerOf, pruneRevisions } from './revision.ts';

/** Returns the actions on the Agent itself: its finalizer, its Revisions, and its missing Instances. */
export function agentActions(context: Context): Action[] {
  const { agent } = context.world;
  const held = agent.metadata.finalizers?.includes(finalizer) === true;
  if (context.deleting) return [];
  const actions: Action[] = [];
  if (!held)
    actions.push({
      type: 'Adopt',
      id: 'Adopt',
      after: [],
      cause: 'Adopted',
      message: `Its deletion will wait until its instances are gone.`,
    });
  if (context.revision.create !== undefined) actions.push(context.revision.create);
  if (context.refusal === undefined) actions.push(...missingInstances(context, held ? [] : ['Adopt']));
  const keep = agent.status?.currentRevision;
  actions.push(...pruneRevisions(context.world, keep));
  return actions;
}

function missingInstances(context: Context, after: readonly string[]): Action[] {
  const { world, runtime } = context;
  if (runtime === undefined) return [];
  const { instances } = world;
  const { replicas } = world.agent.spec;
  if (instances.length === replicas && instances.every(({ object }, at) => object.spec.ordinal === at))
    return [];
  const there = new Set(instances.map(({ object }) => object.spec.ordinal));
  const actions: Action[] = [];
  for (let ordinal = 0; ordinal < replicas; ordinal++) {
    if (there.has(ordinal)) continue;
    const name = `${world.agent.metadata.name}-${ordinal}`;
    actions.push({
      type: 'CreateInstance',
      id: `CreateInstance/${name}`,
      after,
      cause: 'Created',
      message: `spec.replicas is ${replicas}.`,
      name,
      instance: newInstance(context, name, ordinal, runtime),
    });
  }
  return actions;
}

function newInstance(context: Context, name: string, ordinal: number, runtime: string): New<Instance> {
  const { metadata } = context.world.agent;
  return {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Instance',
    metadata: {
      name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      labels: { [agentLabel]: metadata.name, [ordinalLabel]: String(ordinal) },
      ownerReferences: [ownerOf(context.world)],
      finalizers: [instanceFinalizer],
    },
    spec: { agentName: metadata.name, agentUID: metadata.uid, ordinal, runtimeRef: { name: runtime } },
  };
}

export const createdVerdict = (name: string): Verdict => ({
  instance: name,
  phase: 'Pending',
  reason: 'Created',
  message: 'The Instance is being created.',
});

/** When this plan deletes the last Instances, returns the actions that delete the Revisions and our finalizer. */
export function releaseActions(context: Context, actions: readonly Action[]): Action[] {
  const { world } = context;
  if (!context.deleting || world.agent.metadata.finalizers?.includes(finalizer) !== true) return [];
  const deletions = actions.filter(({ type }) => type === 'DeleteInstance').map(({ id }) => id);
  if (deletions.length < world.instances.length) return [];
  const revisions = world.revisions.map(({ metadata }) =>
    deleteRevision(metadata.name, 'Its Agent is being deleted.', deletions),
  );
  const message = 'All its instances are deleted.';
  const after = [...deletions, ...revisions.map(({ id }) => id)];
  return [...revisions, { type: 'Release', id: 'Release', after, cause: 'Deleted', message }];
}
