import { isApiError } from '../api/errors.ts';
import { type Agent, type Instance, isTerminating } from '../api/objects.ts';
import type { Resources } from '../client/resources.ts';
import type { Cache } from './cache.ts';
import { gone, letGo } from './execute.ts';

interface LeftoversDeps {
  cache: Cache;
  resources: Resources;
}

/**
 * Deletes what an earlier Agent of this name left when it was deleted by force or with orphaned dependents: the next
 * Agent needs these names. Containers and processes that still run are collected as orphans.
 */
export async function clearLeftovers(
  { cache, resources }: LeftoversDeps,
  key: string,
  agent: Agent | undefined,
): Promise<void> {
  for (const instance of cache.instances.byIndex('agentKey', key)) {
    const { metadata, spec } = instance;
    if (spec.agentUID === agent?.metadata.uid) continue;
    if (isTerminating(instance)) await gone(letGo(resources, metadata));
    else if (metadata.ownerReferences === undefined && !(await hasAgent(instance, resources)))
      await gone(resources.delete('Instance', metadata, { preconditions: { uid: metadata.uid } }));
  }
  if (agent !== undefined && isTerminating(agent)) return; // its Revisions are deleted at the end of its deletion
  for (const { metadata } of cache.revisions.byIndex('left', key))
    await gone(resources.delete('Revision', metadata, { preconditions: { uid: metadata.uid } }));
}

/** Returns whether the Agent of an Instance exists. Reads from the server, because the cache may lag. */
async function hasAgent({ metadata: { namespace }, spec }: Instance, resources: Resources): Promise<boolean> {
  try {
    const { metadata } = await resources.get('Agent', { namespace, name: spec.agentName });
    return metadata.uid === spec.agentUID;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return false;
    throw error;
  }
}
