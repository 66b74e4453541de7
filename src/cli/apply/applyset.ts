/** Apply sets as defined in KEP-3659, with kubectl's labels and annotations. */
import { createHash } from 'node:crypto';
import { isApiError } from '../../api/errors.ts';
import { applyOrder, findKind, type KindInfo } from '../../api/kinds.ts';
import type { AnyObject, ObjectKey } from '../../api/objects.ts';
import { parallel } from '../../client/parallel.ts';
import { itemsOf } from '../../client/resources.ts';
import type { Cli, Client } from '../cli.ts';
import { UsageError } from '../failure.ts';
import { tellFailures } from '../get/ask.ts';
import type { Manifest } from '../manifests.ts';
import { namespaceOf } from '../options.ts';
import { objectName } from '../targets.ts';
import type { ApplyOptions } from './options.ts';
import { checkParent, type Members, memberLabel, membersOf, parentPatch } from './parent.ts';

export interface ApplySet {
  /** Returns the manifests with the membership label. */
  label(manifests: readonly Manifest[]): Manifest[];
  /** Records the possible members, before any object is written. */
  begin(): Promise<void>;
  /** Deletes members that are no longer in the manifests, then records the remaining ones. */
  prune(how: { dryRun: boolean }): Promise<void>;
}

export async function openApplySet(
  client: Client,
  name: string,
  manifests: readonly Manifest[],
  options: ApplyOptions,
  cli: Cli,
): Promise<ApplySet> {
  const { info, key } = parseParent(name, namespaceOf(options, cli.environment));
  const id = setId(info, key);
  const parent = await client.get(info.kind, key).catch((error: unknown) => {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  });
  checkParent(parent, id, objectName(info, key.name));
  const before = membersOf(parent, key.namespace);
  const now: Members = {
    kinds: new Set(manifests.map((manifest) => manifest.info)),
    namespaces: new Set(manifests.map((manifest) => manifest.key.namespace ?? key.namespace ?? 'default')),
  };
  const union = {
    kinds: new Set([...before.kinds, ...now.kinds]),
    namespaces: new Set([...before.namespaces, ...now.namespaces]),
  };
  const fieldManager = `${options.fieldManager}-applyset`;
  const write = async (members: Members): Promise<void> => {
    await client.patch(
      info.kind,
      key,
      { type: 'apply', body: parentPatch(info, key, id, members) },
      { fieldManager, force: true },
    );
  };
  const named = new Set(
    manifests.map(({ info: { kind }, key: { namespace, name } }) => `${kind}/${namespace ?? ''}/${name}`),
  );
  const left = async (): Promise<AnyObject[]> => {
    const found = await membersIn(client, union, id);
    return found.filter(
      ({ kind, metadata: { namespace, name } }) => !named.has(`${kind}/${namespace ?? ''}/${name}`),
    );
  };
  return {
    label: (all) => all.map((manifest) => withLabel(manifest, id)),
    begin: () => write(union),
    async prune({ dryRun }) {
      const gone = await left();
      gone.sort((a, b) => applyOrder.indexOf(b.kind) - applyOrder.indexOf(a.kind));
      const results = await parallel(gone, 16, (object) => pruneOne(client, object, dryRun, cli));
      const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
      if (failures.length === 0 && !dryRun) await write(now);
      tellFailures(failures, cli);
    },
  };
}

async function pruneOne(
  client: Client,
  { kind, metadata }: AnyObject,
  dryRun: boolean,
  cli: Cli,
): Promise<void> {
  const { namespace, name, uid } = metadata;
  const info = findKind(kind);
  await client
    .delete(kind, namespace === undefined ? { name } : { namespace, name }, {
      dryRun,
      preconditions: { uid },
    })
    .catch((error: unknown) => {
      if (!isApiError(error, 'NotFound')) throw error; // it was already deleted
    });
  cli.out(
    `${info === undefined ? name : objectName(info, name)} pruned${dryRun ? ' (server dry run)' : ''}\n`,
  );
}

function parseParent(text: string, namespace: string): { info: KindInfo; key: ObjectKey } {
  const [, word = 'secret', name = text] = /^([^/]+)\/(.+)$/.exec(text) ?? [];
  const info = findKind(word);
  if (info === undefined || (info.kind !== 'Secret' && info.kind !== 'ConfigMap')) {
    throw new UsageError(
      `--applyset: found ${JSON.stringify(text)}, expected NAME, secret/NAME or configmap/NAME`,
    );
  }
  return { info, key: { namespace, name } };
}

/** KEP-3659: `applyset-<base64url(sha256(name.namespace.kind.group))>-v1`. */
function setId({ kind, group }: Pick<KindInfo, 'kind' | 'group'>, { name, namespace }: ObjectKey): string {
  const text = `${name}.${namespace ?? ''}.${kind}.${group}`;
  return `applyset-${createHash('sha256').update(text).digest('base64url')}-v1`;
}

function withLabel(manifest: Manifest, id: string): Manifest {
  const { metadata } = manifest.object;
  const labels = { ...metadata.labels, [memberLabel]: id };
  return { ...manifest, object: { ...manifest.object, metadata: { ...metadata, labels } } };
}

async function membersIn(client: Client, { kinds, namespaces }: Members, id: string): Promise<AnyObject[]> {
  const labelSelector = `${memberLabel}=${id}`;
  const lists = [...kinds].flatMap((info) =>
    (info.namespaced ? [...namespaces] : [undefined]).map(async (namespace) => {
      return itemsOf(info, await client.list(info.kind, { namespace, labelSelector }));
    }),
  );
  return (await Promise.all(lists)).flat();
}
