import { authorOf } from '../api/author.ts';
import { type Agent, type AgentSpec, type AnyObject, keyText } from '../api/objects.ts';
import { references } from '../api/references.ts';
import { ownUser } from '../drivers/own-user.ts';
import { type Author, isOwn } from '../plan/allow.ts';
import type { Cache } from './cache.ts';
import type { FindInput } from './inputs.ts';

/** Who wrote the object, if the host does not trust them. */
export function authorFor(object: Pick<AnyObject, 'kind' | 'metadata'>): Author | undefined {
  const name = authorOf(object);
  if (name === undefined) return undefined;
  const { namespace = 'default', name: own } = object.metadata;
  const flag = namespace === 'default' ? '' : ` -n ${namespace}`;
  return { name, wrote: `${object.kind.toLowerCase()}/${own}${flag}` };
}

/**
 * Who decides what an Agent's program is: the author of the Agent, else of a Secret or ConfigMap that its template reads,
 * as that may hold the program, or a variable that loads one.
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
 * In whose name an instance writes Agents. One that runs as the controller's user may make what its own author may; any
 * other one has less than an admin, who may be all that stands behind it, and is an author itself.
 */
export function makerAuthor(
  cache: Cache,
  maker: Agent,
  { uid, runtime }: { uid: string; runtime: string },
): string | undefined {
  const { namespace = 'default', name } = maker.metadata;
  const onHost = cache.runtimes.get(runtime)?.spec.driver === 'process';
  const specs = [maker.spec, recordedSpec(cache, namespace, uid)]; // the newer one may not run yet
  const isController = specs.every((spec) => spec !== undefined && runsAsController(spec));
  return onHost && isController ? programAuthor(maker, cache.findInput(namespace))?.name : `agent:${name}`;
}

const runsAsController = ({ template: { user } }: AgentSpec): boolean =>
  user === undefined || isOwn(user, ownUser());

function recordedSpec(cache: Cache, namespace: string, uid: string): AgentSpec | undefined {
  const [instance] = cache.instances.byIndex('uid', uid);
  const revision = cache.revisions.get(keyText({ namespace, name: instance?.status?.run?.revision ?? '' }));
  return revision?.data as unknown as AgentSpec | undefined; // a Revision records a spec as it was
}
