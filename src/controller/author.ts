import { authorOf } from '../api/annotations.ts';
import { capabilitiesOf } from '../api/capabilities.ts';
import { type Agent, type AgentSpec, type AnyObject, keyText, references } from '../api/objects.ts';
import { ownUser } from '../drivers/own-user.ts';
import { type Author, isOwn } from '../plan/allow.ts';
import type { Cache } from './cache.ts';
import type { FindInput } from './inputs.ts';

/** Returns the author of the object, or undefined if the host trusts them. */
export function authorFor(object: Pick<AnyObject, 'kind' | 'metadata'>): Author | undefined {
  const name = authorOf(object);
  if (name === undefined) return undefined;
  const { namespace = 'default', name: own } = object.metadata;
  const flag = namespace === 'default' ? '' : ` -n ${namespace}`;
  return { name, wrote: `${object.kind.toLowerCase()}/${own}${flag}` };
}

/**
 * Returns who decides which program an Agent runs: the author of the Agent, or else the author of a Secret or ConfigMap
 * that its template reads, because that may hold the program or a variable that loads one.
 */
export function programAuthor(agent: Agent, find: FindInput): Author | undefined {
  const own = authorFor(agent);
  if (own !== undefined) return own;
  for (const { kind, name } of references(agent.spec.template)) {
    const input = find(kind, name);
    const author = input === undefined ? undefined : authorFor(input);
    if (author !== undefined) return author;
  }
  return undefined;
}

/**
 * Returns the author of Agents that an instance creates. An instance that runs as the controller's user may do what its
 * own author may. Any other instance must not act as its author, who may be an admin, and is an author of its own.
 */
export function makerAuthor(
  cache: Cache,
  maker: Agent,
  { uid, runtime }: { uid: string; runtime: string },
): string | undefined {
  const { namespace = 'default', name } = maker.metadata;
  const place = cache.runtimes.get(runtime);
  const onHost = place !== undefined && capabilitiesOf(place.spec).hostAccess === 'Direct';
  const specs = [maker.spec, recordedSpec(cache, namespace, uid)]; // the new spec may not run yet
  const isController = specs.every((spec) => spec !== undefined && runsAsController(spec));
  return onHost && isController ? programAuthor(maker, cache.findInput(namespace))?.name : `agent:${name}`;
}

const runsAsController = ({ template: { user } }: AgentSpec): boolean =>
  user === undefined || isOwn(user, ownUser());

function recordedSpec(cache: Cache, namespace: string, uid: string): AgentSpec | undefined {
  const [instance] = cache.instances.byIndex('uid', uid);
  const revision = cache.revisions.get(keyText({ namespace, name: instance?.status?.run?.revision ?? '' }));
  return revision?.data as unknown as AgentSpec | undefined; // its schema leaves the spec open
}
