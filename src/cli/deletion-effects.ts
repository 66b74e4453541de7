import { isApiError } from '../api/errors.ts';
import { isObject } from '../api/json.ts';
import { type AnyObject, isTerminating, keyOf, type ObjectKey, references } from '../api/objects.ts';
import { listed } from '../api/text.ts';
import type { Volume } from '../client/streams.ts';
import type { Cli, Client } from './cli.ts';
import type { Selected } from './select-objects.ts';

/** Reports which objects use an object that is being deleted. As in Kubernetes, the deletion is not prevented. */
export class Users {
  readonly #client: Client;
  readonly #going: ReadonlySet<string>;
  /** Lists by kind and namespace, cached because many objects may be deleted at once. */
  readonly #lists = new Map<string, Promise<readonly AnyObject[]>>();

  /** @param all everything that the same command deletes */
  constructor(client: Client, all: readonly Selected[]) {
    this.#client = client;
    this.#going = new Set(all.map(({ info, key }) => textOf(info.kind, key)));
  }

  async print(each: Selected, cli: Cli): Promise<void> {
    let names: string[];
    try {
      names = await this.#of(each);
    } catch (error) {
      if (!isApiError(error)) throw error;
      return cli.err(`Warning: cannot find out what uses ${each.text}: ${error.message}\n`);
    }
    if (names.length === 0) return;
    const shown = listed(names, { most: mostShown });
    cli.err(`Warning: ${each.text} is used by ${shown}: ${effects[each.info.kind] ?? ''}\n`);
  }

  async #of({ info: { kind }, key }: Selected): Promise<string[]> {
    const uses = usesOf(kind);
    if (uses === undefined) return [];
    const kinds = usersOf[kind] ?? [];
    const lists = await Promise.all(
      kinds.map((one) =>
        this.#list(one, kind === 'Runtime' || one === 'Runtime' ? undefined : key.namespace),
      ),
    );
    const found = lists.flat().filter((object) => !isTerminating(object) && uses(object, key));
    const users = found.map(userOf).filter((user) => !this.#going.has(textOf(user.kind, user.key)));
    return [...new Set(users.map((user) => nameOf(user, key.namespace)))];
  }

  #list(kind: User, namespace: string | undefined): Promise<readonly AnyObject[]> {
    const id = `${kind}/${namespace ?? ''}`;
    const known = this.#lists.get(id);
    if (known !== undefined) return known;
    const list = this.#client
      .list(kind, { namespace })
      .then(({ items }): readonly AnyObject[] => items)
      .catch((error: unknown) => {
        if (isApiError(error, 'Forbidden')) return []; // a user without permission to see them may still delete
        throw error;
      });
    this.#lists.set(id, list);
    return list;
  }
}

const mostShown = 5;

type User = 'Agent' | 'Instance' | 'Sync' | 'Runtime';

/** An Agent without a runtimeRef also has Instances on a Runtime, so Runtimes are used by Instances. */
const usersOf: Readonly<Record<string, readonly User[]>> = {
  Policy: ['Agent'],
  ConfigMap: ['Agent'],
  Secret: ['Agent', 'Sync', 'Runtime'],
  Runtime: ['Agent', 'Instance'],
};

const effects: Readonly<Record<string, string>> = {
  Policy: 'no instance is started until the Policy exists again',
  Secret: 'running instances continue, but do not start again without it',
  ConfigMap: 'running instances continue, but do not start again without it',
  Runtime: 'instances on it continue to run, but are no longer managed',
};

/** Returns a check whether an object references one of this kind; undefined for kinds that nothing references. */
function usesOf(kind: string): ((object: AnyObject, key: ObjectKey) => boolean) | undefined {
  switch (kind) {
    case 'Policy':
      return (object, { name }) => object.kind === 'Agent' && object.spec.policyRef?.name === name;
    case 'Runtime':
      return (object, { name }) =>
        (object.kind === 'Agent' || object.kind === 'Instance') && object.spec.runtimeRef?.name === name;
    case 'Secret':
    case 'ConfigMap':
      return (object, key) =>
        object.kind === 'Agent'
          ? references(object.spec.template).some(
              (reference) => reference.kind === kind && reference.name === key.name && !reference.optional,
            )
          : 'spec' in object && namesSecret(object.spec, key);
    default:
      return undefined;
  }
}

/** Finds a reference in any `secretRef` of a Sync or Runtime. A Runtime's reference includes the namespace. */
function namesSecret(value: unknown, key: ObjectKey): boolean {
  if (Array.isArray(value)) return value.some((item) => namesSecret(item, key));
  if (!isObject(value)) return false;
  return Object.entries(value).some(([field, child]) =>
    field === 'secretRef' && isObject(child)
      ? child.name === key.name && (child.namespace ?? key.namespace) === key.namespace
      : namesSecret(child, key),
  );
}

const textOf = (kind: string, { namespace, name }: ObjectKey): string => `${kind}/${namespace ?? ''}/${name}`;

const userOf = (object: AnyObject): { kind: string; key: ObjectKey } =>
  object.kind === 'Instance'
    ? { kind: 'Agent', key: { ...keyOf(object), name: object.spec.agentName } }
    : { kind: object.kind, key: keyOf(object) };

const nameOf = (
  { kind, key: { namespace, name } }: ReturnType<typeof userOf>,
  own: string | undefined,
): string =>
  `${kind.toLowerCase()}/${name}${namespace === undefined || namespace === (own ?? 'default') ? '' : ` (${namespace})`}`;

/**
 * Returns the volumes that a deletion of the agent keeps. If its Runtime cannot be reached, prints that, and the
 * deletion continues.
 */
export async function keptVolumes(client: Client, key: ObjectKey, cli: Cli): Promise<readonly Volume[]> {
  try {
    return await client.volumes(key);
  } catch (error) {
    if (isApiError(error, 'NotFound')) return [];
    if (!isApiError(error)) throw error;
    cli.err(`Warning: the volumes of ${key.name} cannot be listed: ${error.message}\n`);
    return [];
  }
}

/**
 * Removes the volumes of a deleted agent, however long ago it was deleted; the controller refuses if the agent remains.
 * Returns whether there were any.
 */
export async function purgeVolumes(
  client: Client,
  { key, text }: Selected,
  volumes: readonly Volume[],
  cli: Cli,
): Promise<boolean> {
  if (volumes.length === 0) return false;
  for (const { name } of await client.purge(key)) cli.err(`${text}: volume ${name} deleted\n`);
  return true;
}

export function printKeptVolumes({ key }: Pick<Selected, 'key'>, volumes: readonly Volume[], cli: Cli): void {
  if (volumes.length === 0) return;
  const names = listed(volumes.map(({ runtime, name }) => `${name} (runtime ${runtime})`));
  const what = volumes.length === 1 ? 'volume' : 'volumes';
  const them = volumes.length === 1 ? 'it' : 'them';
  const place = key.namespace === undefined || key.namespace === 'default' ? '' : ` -n ${key.namespace}`;
  cli.err(`kept: ${what} ${names}. 'agentctl delete agent ${key.name}${place} --purge' deletes ${them}.\n`);
}
