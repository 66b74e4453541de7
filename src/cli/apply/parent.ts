import { findKind, type KindInfo } from '../../api/kinds.ts';
import type { AnyObject, ObjectKey } from '../../api/objects.ts';
import { version } from '../../daemon/version.ts';
import { CliError } from '../failure.ts';

export const memberLabel = 'applyset.kubernetes.io/part-of';
const idLabel = 'applyset.kubernetes.io/id';
const toolingAnnotation = 'applyset.kubernetes.io/tooling';
const kindsAnnotation = 'applyset.kubernetes.io/contains-group-kinds';
const namespacesAnnotation = 'applyset.kubernetes.io/additional-namespaces';

/** The kinds and namespaces in which members of a set may be. */
export interface Members {
  kinds: ReadonlySet<KindInfo>;
  namespaces: ReadonlySet<string>;
}

/** Throws if the object is not a parent of this set, or if another tool manages it. */
export function checkParent(parent: AnyObject | undefined, id: string, text: string): void {
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

export function membersOf(parent: AnyObject | undefined, namespace: string | undefined): Members {
  const annotations = parent?.metadata.annotations ?? {};
  const list = (name: string): string[] => (annotations[name] ?? '').split(',').filter((part) => part !== '');
  const kinds = list(kindsAnnotation).map((text) => findKind(text));
  return {
    kinds: new Set(kinds.filter((info) => info !== undefined)),
    namespaces: new Set([...list(namespacesAnnotation), namespace ?? 'default']),
  };
}

export function parentPatch(
  info: KindInfo,
  key: ObjectKey,
  id: string,
  { kinds, namespaces }: Members,
): object {
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
