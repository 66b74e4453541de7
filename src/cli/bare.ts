import { ApiError, UnreachableError } from '../api/errors.ts';
import { findKind, type KindInfo, kinds } from '../api/kinds.ts';
import { nearest } from '../api/text.ts';
import { found } from '../client/resources.ts';
import type { Cli, Client } from './cli.ts';
import { UsageError } from './failure.ts';
import { type GlobalOptions, namespaceOf } from './global-options.ts';
import { namesOf } from './near.ts';
import { nearKind, parseTargets, type Target, unknownType } from './targets.ts';

/** Whether the words are one name without a kind: `describe hello`. */
export const isBare = ([word, ...more]: readonly string[]): boolean =>
  word !== undefined &&
  more.length === 0 &&
  /^[a-z0-9][a-z0-9.-]*$/.test(word) &&
  word !== 'all' &&
  !findKind(word);

/** Kinds that users write or read. Objects of other kinds need their kind. */
const sought: readonly KindInfo[] = kinds.filter(
  ({ kind }) => kind !== 'Event' && kind !== 'Namespace' && kind !== 'Revision',
);

/** Like parseTargets, but a name alone means the only object with that name. */
export async function parseBareTargets(
  client: Client,
  words: readonly string[],
  options: Pick<GlobalOptions, 'namespace'>,
  cli: Pick<Cli, 'environment'>,
): Promise<Target[]> {
  const [name] = words;
  if (!isBare(words) || name === undefined) return parseTargets(words);
  const namespace = namespaceOf(options, cli.environment);
  const looked = sought.map(async (info) =>
    (await found<unknown>(client.get(info.kind, info.namespaced ? { namespace, name } : { name }))) ===
    undefined
      ? []
      : [{ info, name }],
  );
  const targets = (await Promise.all(looked)).flat();
  if (targets.length > 1) {
    const names = targets.map(({ info }) => `${info.singular}/${name}`).join(', ');
    throw new UsageError(`${JSON.stringify(name)} is the name of several objects: use one of ${names}`);
  }
  if (targets.length === 0) {
    const meant = await nearWords(client, name, namespace);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    throw new ApiError(
      'NotFound',
      `no resource type or object in namespace ${namespace} is named ${JSON.stringify(name)}${hint}`,
    );
  }
  return targets;
}

/** For a verb that does not accept a bare name: throws with suggestions, if a controller is running. */
export async function refuseBare(words: readonly string[], options: GlobalOptions, cli: Cli): Promise<void> {
  const [word] = words;
  if (!isBare(words) || word === undefined) return;
  let client: Client;
  try {
    client = await cli.connect(options);
  } catch (error) {
    if (error instanceof UnreachableError) return; // parseTargets reports what is wrong
    throw error;
  }
  throw unknownType(word, await nearWords(client, word, namespaceOf(options, cli.environment)));
}

/**
 * The types and objects that may be meant, as `"agents", agent/web`; undefined if none is near. The names of what no
 * store holds are made by the controller: nobody misspells them.
 */
async function nearWords(client: Client, word: string, namespace: string): Promise<string | undefined> {
  const stored = sought.filter((info) => info.stored);
  const all = await Promise.all(
    stored.map(async (info) =>
      (await namesOf(client, info, namespace)).map((name) => ({ name, text: `${info.singular}/${name}` })),
    ),
  );
  const objects = all.flat();
  const name = nearest(
    word,
    objects.map((object) => object.name),
  );
  const near = objects.filter((object) => object.name === name).map(({ text }) => text);
  const kind = nearKind(word);
  const meant = [...(kind === undefined ? [] : [JSON.stringify(kind)]), ...near];
  return meant.length === 0 ? undefined : meant.join(', ');
}
