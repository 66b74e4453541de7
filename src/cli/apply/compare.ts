import { deepEqual } from '../../api/equal.ts';
import { isApiError } from '../../api/errors.ts';
import type { KindInfo } from '../../api/kinds.ts';
import type { AnyObject } from '../../api/objects.ts';
import type { Client } from '../cli.ts';
import { CliError } from '../failure.ts';
import { itemsOf } from '../items.ts';
import type { Manifest } from '../manifests.ts';
import { parallel } from '../parallel.ts';
import type { ApplyOptions } from './options.ts';
import { textAt, type Written } from './write.ts';

/** How the server would take a document: the object before and after. `after` is absent where its namespace is yet to come. */
interface Tried {
  manifest: Manifest;
  before: AnyObject | undefined;
  after: AnyObject | undefined;
}

type TryOptions = Pick<ApplyOptions, 'fieldManager' | 'forceConflicts'>;

/** The server tries every document without writing. Fails with all that it refuses. */
export async function tryAll(
  client: Client,
  manifests: readonly Manifest[],
  options: TryOptions,
): Promise<Tried[]> {
  const live = await liveObjects(client, manifests);
  const coming = new Set(
    manifests.filter(({ info }) => info.kind === 'Namespace').map(({ key }) => key.name),
  );
  const results = await parallel(manifests, 32, (manifest) => tryOne(client, manifest, options));
  const tried: Tried[] = [];
  const refused: { manifest: Manifest; reason: unknown }[] = [];
  for (const [index, result] of results.entries()) {
    const manifest = manifests[index];
    if (manifest === undefined) continue;
    const before = live.get(identity(manifest));
    if (result.status === 'fulfilled') tried.push({ manifest, before, after: result.value });
    else if (waitsForNamespace(result.reason, manifest, coming))
      tried.push({ manifest, before, after: undefined });
    else refused.push({ manifest, reason: result.reason });
  }
  const lost = refused.find(({ reason }) => !isApiError(reason));
  if (lost !== undefined) throw lost.reason;
  if (refused.length > 0) {
    const texts = refused.map(({ manifest, reason }) => textAt(manifest, reason));
    throw new CliError([...texts, 'nothing was written'].join('\nerror: '));
  }
  return tried;
}

/** Tells apart what would change nothing: the server has just said that its write would be none, so it is not sent again. */
export async function compare(
  client: Client,
  manifests: readonly Manifest[],
  options: TryOptions,
): Promise<{ changes: Written[]; unchanged: Written[] }> {
  const [changes, unchanged]: [Written[], Written[]] = [[], []];
  for (const { manifest, before, after } of await tryAll(client, manifests, options)) {
    if (before === undefined) changes.push({ manifest, object: after, word: 'created' });
    else if (after !== undefined && deepEqual(own(before, options), own(after, options)))
      unchanged.push({ manifest, object: before, word: 'unchanged' });
    else changes.push({ manifest, object: after, word: 'configured' });
  }
  return { changes, unchanged };
}

/**
 * What an apply of ours could have changed: a controller may write status and finalizers between the two reads.
 * Finalizers that are ours show among the fields that we manage.
 */
function own(object: AnyObject, { fieldManager }: TryOptions): unknown {
  const { resourceVersion: _version, finalizers: _finalizers, managedFields, ...metadata } = object.metadata;
  const managed = managedFields?.filter(
    ({ manager, operation }) => manager === fieldManager && operation === 'Apply',
  );
  return { ...object, status: undefined, metadata: { ...metadata, managed } };
}

const tryOne = (client: Client, { info, key, object }: Manifest, options: TryOptions): Promise<AnyObject> =>
  client.patch(
    info.kind,
    key,
    { type: 'apply', body: object },
    {
      dryRun: true,
      fieldManager: options.fieldManager,
      force: options.forceConflicts,
      fieldValidation: 'Strict',
    },
  );

const identity = ({ info, key }: Pick<Manifest, 'info' | 'key'>): string =>
  `${info.kind}/${key.namespace ?? ''}/${key.name}`;

/** One list for each kind and namespace of the set; single objects by get. */
async function liveObjects(client: Client, manifests: readonly Manifest[]): Promise<Map<string, AnyObject>> {
  const live = new Map<string, AnyObject>();
  const groups = Map.groupBy(manifests, ({ info, key }) => `${info.kind}/${key.namespace ?? ''}`);
  await Promise.all(
    [...groups.values()].map(async (group) => {
      const [first] = group;
      if (first === undefined) return;
      const { info, key } = first;
      const found =
        group.length > 3 ? await listed(client, info, key.namespace) : await gotten(client, group);
      for (const object of found) {
        const { namespace, name } = object.metadata;
        live.set(identity({ info, key: namespace === undefined ? { name } : { namespace, name } }), object);
      }
    }),
  );
  return live;
}

const listed = async (client: Client, info: KindInfo, namespace: string | undefined): Promise<AnyObject[]> =>
  itemsOf(info, await client.list(info.kind, { namespace }));

async function gotten(client: Client, group: readonly Manifest[]): Promise<AnyObject[]> {
  const found = await Promise.all(
    group.map(({ info, key }) =>
      client.get(info.kind, key).catch((error: unknown) => {
        if (isApiError(error, 'NotFound')) return undefined;
        throw error;
      }),
    ),
  );
  return found.filter((object) => object !== undefined);
}

/** The namespace is in the same set, and written first. */
const waitsForNamespace = (error: unknown, { key }: Manifest, coming: ReadonlySet<string>): boolean =>
  isApiError(error, 'NotFound') &&
  key.namespace !== undefined &&
  coming.has(key.namespace) &&
  (error.details?.kind === undefined || /namespace/i.test(error.details.kind));
