import { createHash } from 'node:crypto';
import { isApiError } from '../api/errors.ts';
import { applyOrder, findKind, type KindInfo } from '../api/kinds.ts';
import type { AnyObject, ObjectKey } from '../api/objects.ts';
import { found, itemsOf } from '../client/resources.ts';
import { parallel } from '../client/write-objects.ts';
import { version } from '../daemon/own-program.ts';
import type { Cli, Client, GlobalOptions } from './cli.ts';
import { CliError, UsageError } from './failure.ts';
import { namespaceOf } from './flags.ts';
import { printFailures } from './get-tables.ts';
import type { Manifest } from './read-manifests.ts';
import { objectName } from './targets.ts';

/** Apply sets as defined in KEP-3659, with kubectl's labels and annotations. */
interface ApplySet {
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
  options: GlobalOptions & { fieldManager: string },
  cli: Cli,
): Promise<ApplySet> {
  const { info, key } = parseParent(name, namespaceOf(options, cli.environment));
  const id = setId(info, key);
  const parent = await found(client.get(info.kind, key));
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
      printFailures(failures, cli);
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

const memberLabel = 'applyset.kubernetes.io/part-of';
const idLabel = 'applyset.kubernetes.io/id';
const toolingAnnotation = 'applyset.kubernetes.io/tooling';
const kindsAnnotation = 'applyset.kubernetes.io/contains-group-kinds';
const namespacesAnnotation = 'applyset.kubernetes.io/additional-namespaces';

/** The kinds and namespaces in which members of a set may be. */
interface Members {
  kinds: ReadonlySet<KindInfo>;
  namespaces: ReadonlySet<string>;
}

/** Throws if the object is not a parent of this set, or if another tool manages it. */
function checkParent(parent: AnyObject | undefined, id: string, text: string): void {
  if (parent === undefined) return;
  const { labels = {}, annotations = {} } = parent.metadata;
  const tool = annotations[toolingAnnotation];
  if (tool !== undefined && !tool.startsWith('agentctl/')) {
    throw new CliError(`${text} is an apply set of ${tool}; choose another name for --applyset`);
  }
  const found = labels[idLabel];
  if (found !== undefined && found !== id) {
    throw new CliError(
      `${text}: label ${idLabel} is ${found}, expected ${id}: it was copied from another apply set`,
    );
  }
  if (found === undefined) {
    throw new CliError(`${text} exists and is not an apply set; choose another name for --applyset`);
  }
}

function membersOf(parent: AnyObject | undefined, namespace: string | undefined): Members {
  const annotations = parent?.metadata.annotations ?? {};
  const list = (name: string): string[] => (annotations[name] ?? '').split(',').filter((part) => part !== '');
  const kinds = list(kindsAnnotation).map((text) => findKind(text));
  return {
    kinds: new Set(kinds.filter((info) => info !== undefined)),
    namespaces: new Set([...list(namespacesAnnotation), namespace ?? 'default']),
  };
}

function parentPatch(info: KindInfo, key: ObjectKey, id: string, { kinds, namespaces }: Members): object {
  const groupKinds = [...kinds].map(({ kind, group }) => (group === '' ? kind : `${kind}.${group}`)).sort();
  const others = [...namespaces].filter((namespace) => namespace !== key.namespace).sort();
  return {
    apiVersion: info.apiVersion,
    kind: info.kind,
    metadata: {
      ...key,
      labels: { [idLabel]: id },
      annotations: {
        [toolingAnnotation]: `agentctl/v${version}`,
        [kindsAnnotation]: groupKinds.join(','),
        ...(others.length === 0 ? {} : { [namespacesAnnotation]: others.join(',') }),
      },
    },
  };
}
