import type { KindInfo } from '../api/kinds.ts';
import type { AnyObject, ObjectKey } from '../api/objects.ts';
import { itemsOf, type Resources } from '../client/resources.ts';
import type { Cli, GlobalOptions } from './cli.ts';
import { UsageError } from './failure.ts';
import { namespaceOf } from './flags.ts';
import { objectName, type Target } from './targets.ts';

export interface SelectOptions extends GlobalOptions {
  selector?: string;
  all?: boolean;
  allNamespaces?: boolean;
  fieldSelector?: string;
}

/** One object that a verb works on. */
export interface Selected {
  info: KindInfo;
  key: ObjectKey;
  /** `agent.agentctl.dev/web` */
  text: string;
  /** The object itself, if a list returned it. */
  found?: AnyObject;
}

export function selectedOf(info: KindInfo, name: string, namespace: string | undefined): Selected {
  const key = info.namespaced && namespace !== undefined ? { namespace, name } : { name };
  return { info, key, text: objectName(info, name) };
}

/**
 * Returns the objects that the operands name, or that a selector or --all finds. Does not check whether names exist.
 */
export async function select(
  client: Pick<Resources, 'list'>,
  targets: readonly Target[],
  options: SelectOptions,
  cli: Cli,
): Promise<Selected[]> {
  const namespace = namespaceOf(options, cli.environment);
  const selected: Selected[] = [];
  for (const { info, name } of targets) {
    if (name !== undefined) {
      if (options.allNamespaces === true && info.namespaced) {
        throw new UsageError('a name cannot be combined with --all-namespaces; omit one of them');
      }
      selected.push(selectedOf(info, name, namespace));
      continue;
    }
    if (options.selector === undefined && options.fieldSelector === undefined && options.all !== true) {
      throw new UsageError(`specify ${info.plural}: names, -l with labels, or --all`);
    }
    const found = await client.list(info.kind, {
      namespace: info.namespaced && options.allNamespaces !== true ? namespace : undefined,
      labelSelector: options.selector,
      fieldSelector: options.fieldSelector,
    });
    for (const object of itemsOf(info, found)) {
      const { name, namespace } = object.metadata;
      selected.push({ ...selectedOf(info, name, namespace), found: object });
    }
  }
  return selected;
}
