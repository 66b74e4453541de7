import { readFileSync } from 'node:fs';
import { isApiError } from '../../api/errors.ts';
import type { AnyObject } from '../../api/objects.ts';
import { itemsOf } from '../../client/resources.ts';
import type { Ask, Scope } from '../../views/fleet-view.ts';
import { refuseBare } from '../bare.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, failureText, UsageError } from '../failure.ts';
import { type Format, parseFormat } from '../print/output-format.ts';
import { formatObjects, withoutManagedFields } from '../print/print-objects.ts';
import { parseTargets } from '../targets.ts';
import { group, scopeOf, tellFailures } from './ask.ts';
import type { GetOptions } from './options.ts';
import { getTables } from './tables.ts';

export async function get(words: readonly string[], options: GetOptions, cli: Cli): Promise<void> {
  const format = parseFormat(options.output, readText);
  await refuseBare(words, options, cli);
  const asks = group(parseTargets(words));
  const scope = scopeOf(options, cli);
  if (
    asks.some(({ names }) => names.length > 0) &&
    (scope.labelSelector ?? scope.fieldSelector) !== undefined
  ) {
    throw new UsageError('a name and a selector cannot be combined; omit one of them');
  }
  if (options.allNamespaces === true && asks.some(({ info, names }) => names.length > 0 && info.namespaced)) {
    throw new UsageError('a name cannot be combined with --all-namespaces; omit one of them');
  }
  const client = await cli.connect(options);
  if (options.watch === true || options.watchOnly === true) {
    const { watch } = await import('./watch.ts');
    return watch(client, asks, scope, format, options, cli);
  }
  if (format.type === 'table') return getTables(client, asks, scope, { ...options, wide: format.wide }, cli);
  await getObjects(client, asks, scope, format, options, cli);
}

async function getObjects(
  client: Client,
  asks: readonly Ask[],
  scope: Scope,
  format: Exclude<Format, { type: 'table' }>,
  options: GetOptions,
  cli: Cli,
): Promise<void> {
  const { objects, failures } = await fetchObjects(client, asks, scope, options);
  const shown = options.showManagedFields === true ? objects : objects.map(withoutManagedFields);
  if (options.sortBy !== undefined) {
    const { sortByPath } = await import('../print/jsonpath-output.ts');
    sortByPath(shown, options.sortBy, (object) => object);
  }
  const single = asks.length === 1 && asks[0]?.names.length === 1;
  if (!(single && shown.length === 0)) cli.out(await formatObjects(format, shown, single, options.headers));
  tellFailures(failures, cli);
}

async function fetchObjects(client: Client, asks: readonly Ask[], scope: Scope, options: GetOptions) {
  const objects: AnyObject[] = [];
  const failures: unknown[] = [];
  for (const { info, names } of asks) {
    if (names.length === 0) {
      const list = await client.list(info.kind, info.namespaced ? scope : { ...scope, namespace: undefined });
      objects.push(...itemsOf(info, list));
    }
    for (const name of names) {
      try {
        objects.push(await client.get(info.kind, { namespace: scope.namespace, name }));
      } catch (error) {
        if (!(options.ignoreNotFound === true && isApiError(error, 'NotFound'))) failures.push(error);
      }
    }
  }
  return { objects, failures };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CliError(`${file} cannot be read: ${failureText(cause)}`, { cause });
  }
}
