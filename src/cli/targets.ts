import { ApiError, isApiError, UnreachableError } from '../api/errors.ts';
import { findKind, type KindInfo, kindInfo, kinds, kindWords } from '../api/kinds.ts';
import type { AnyObject, Kind, ObjectKey } from '../api/objects.ts';
import { nearest, shellWord } from '../api/text.ts';
import { found } from '../client/resources.ts';
import type { Cli, Client, GlobalOptions } from './cli.ts';
import { UsageError } from './failure.ts';
import { namespaceOf } from './flags.ts';

/** One object by name, or all of a kind. */
export interface Target {
  info: KindInfo;
  name?: string;
}

/** The kinds of `all`, like kubectl's category: what users work with, but not what that refers to. */
const all = ['Agent', 'Instance', 'Policy', 'Sync'] as const;

/**
 * Parses operands in kubectl's grammar: `agents`, `agents web db`, `agent/web policy/slow`, `agents,policies`, `all`.
 */
export function parseTargets(words: readonly string[]): Target[] {
  const [first, ...names] = words;
  if (first === undefined) {
    throw new UsageError(
      "specify a kind (agents), a kind and a name (agent web), or both in one (agent/web). See 'agentctl api-resources' for the kinds.",
    );
  }
  if (words.some((word) => word.includes('/'))) return words.map(slashed);
  const kinds = kindsOf(first);
  if (names.length === 0) return kinds.map((info) => ({ info }));
  return kinds.flatMap((info) => names.flatMap((name) => name.split(',')).map((name) => ({ info, name })));
}

interface Many {
  selector?: string;
  all?: boolean;
}

/** Like parseTargets, but a name without a kind is an agent's: `web`, `agent/web`, `agent web`. */
export const parseAgentTargets = (words: readonly string[], many: Many = {}): Target[] =>
  parseTargetsOf('Agent', words, many);

/** Throws if the operands of the verb are missing, or lack the kind that a selector or --all needs. */
export function requireKind(words: readonly string[], { selector, all }: Many, verb: string): void {
  const [word] = words;
  const isMany = selector !== undefined || all === true;
  if (word === undefined && !isMany) {
    throw new UsageError(`specify an agent, as in: agentctl ${verb} web`);
  }
  const isName = word === undefined || (!/[/,]/.test(word) && word !== 'all' && !findKind(word));
  if (!isMany || !isName || (word !== undefined && nearKind(word) !== undefined)) return;
  const flag = all === true ? '--all' : `-l ${shellWord(selector ?? '')}`;
  throw new UsageError(`specify a kind, as in: agentctl ${verb} agents ${flag}`);
}

/**
 * Like parseTargets, but a name without a kind is of this kind. With a selector or --all no names follow, so a single
 * word is a kind, singular or plural.
 */
export function parseTargetsOf(kind: Kind, words: readonly string[], { selector, all }: Many = {}): Target[] {
  const [first = ''] = words;
  if (selector !== undefined || all === true) return parseTargets(words);
  if (words.length > 0 && !words.some((word) => word.includes('/')) && !first.includes(',')) {
    const info = findKind(first);
    if (info === undefined || (words.length === 1 && first !== info.plural)) {
      return words.map((name) => ({ info: kindInfo(kind), name }));
    }
  }
  return parseTargets(words);
}

function slashed(word: string): Target {
  const [kind = '', name = '', ...more] = word.split('/');
  if (kind === '' || name === '' || more.length > 0) {
    throw new UsageError(
      `found ${JSON.stringify(word)}, expected kind/name for every object, such as agent/web`,
    );
  }
  return { info: kindFor(kind), name };
}

function kindsOf(words: string): KindInfo[] {
  const infos = words.split(',').flatMap((word) => (word === 'all' ? all.map(kindInfo) : [kindFor(word)]));
  return [...new Set(infos)];
}

const nearKind = (word: string): string | undefined => nearest(word, kindWords());

export function kindFor(word: string): KindInfo {
  const info = findKind(word);
  if (info !== undefined) return info;
  const meant = nearKind(word);
  throw unknownType(word, meant === undefined ? undefined : JSON.stringify(meant));
}

function unknownType(word: string, meant: string | undefined): UsageError {
  const hint = meant === undefined ? '.' : `; did you mean ${meant}?`;
  return new UsageError(
    `the server doesn't have a resource type ${JSON.stringify(word)}${hint} See 'agentctl api-resources'.`,
  );
}

/** Returns `agent.agentctl.dev/web`, `secret/key`, `message/m-1`: kubectl's names of objects. */
export const objectName = (info: Pick<KindInfo, 'singular' | 'group' | 'stored'>, name: string): string =>
  `${kindName(info)}/${name}`;

/** Omits the group of kinds that are not stored, which is of no use to people. */
export const kindName = (info: Pick<KindInfo, 'singular' | 'group' | 'stored'>): string =>
  info.group === '' || !info.stored ? info.singular : `${info.singular}.${info.group}`;

/** Returns the same error, or for an object that was not found, an error with the most similar existing name. */
export async function withNearName(
  error: unknown,
  client: Client,
  namespace: string | undefined,
): Promise<unknown> {
  if (!isApiError(error, 'NotFound')) return error;
  const { kind = '', name } = error.details ?? {};
  const info = findKind(kind);
  if (info === undefined || name === undefined || error.message.includes('did you mean')) return error;
  const meant = nearest(name, await namesOf(client, info, namespace));
  if (meant === undefined) return error;
  const { details } = error;
  return new ApiError('NotFound', `${error.message}; did you mean ${JSON.stringify(meant)}?`, { details });
}

/** Returns names for a hint. The hint must not replace the original error, so a failed list returns no names. */
async function namesOf(client: Client, info: KindInfo, namespace: string | undefined): Promise<string[]> {
  try {
    const { items } = await client.list(info.kind, info.namespaced ? { namespace } : {});
    return (items as readonly AnyObject[]).map(({ metadata }) => metadata.name); // a union of lists, all of whose items have metadata
  } catch (error) {
    if (isApiError(error) || error instanceof UnreachableError) return [];
    throw error;
  }
}

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

type Where = Pick<GlobalOptions, 'namespace'>;

/** Parses one agent: `web` or `agent/web`. */
export function agentKey(word: string, options: Where, cli: Pick<Cli, 'environment'>): ObjectKey {
  const [target] = parseAgentTargets([word]);
  if (target?.name === undefined || target.info.kind !== 'Agent') {
    throw new UsageError(`found ${JSON.stringify(word)}, expected an agent, as in web or agent/web`);
  }
  return { namespace: namespaceOf(options, cli.environment), name: target.name };
}

/** Parses the id of an object of this kind: `m-x1`, `message/m-x1`. */
export function idKey(word: string, kind: Kind, options: Where, cli: Pick<Cli, 'environment'>): ObjectKey {
  const [, prefix, name = word] = /^([^/]+)\/([^/]+)$/.exec(word) ?? [];
  if (name === '' || name.includes('/') || (prefix !== undefined && kindFor(prefix).kind !== kind)) {
    throw new UsageError(
      `found ${JSON.stringify(word)}, expected the id of ${kind === 'Approval' ? 'an' : 'a'} ${kind.toLowerCase()}`,
    );
  }
  return { namespace: namespaceOf(options, cli.environment), name };
}

/** The format of Message.spec.from. */
export const fromUser = (user: string): string => `user:${user}`;
