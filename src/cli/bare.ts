import { findKind, type KindInfo, kinds } from '../api/kinds.ts';
import type { Cli, Client } from './cli.ts';
import { UsageError } from './failure.ts';
import { found } from './found.ts';
import { type GlobalOptions, namespaceOf } from './options.ts';
import type { Target } from './targets.ts';

/** A name alone, of no kind: `describe hello`. */
export const isBare = ([word, ...more]: readonly string[]): boolean =>
  word !== undefined &&
  more.length === 0 &&
  /^[a-z0-9][a-z0-9.-]*$/.test(word) &&
  word !== 'all' &&
  !findKind(word);

/** What is written by hand or read by people; the others are found by their kind. */
const sought: readonly KindInfo[] = kinds.filter(
  ({ kind }) => kind !== 'Event' && kind !== 'Namespace' && kind !== 'Revision',
);

/** The one object of that name; undefined where the words are no bare name, or no object has it. */
export async function bareTargets(
  client: Client,
  words: readonly string[],
  options: Pick<GlobalOptions, 'namespace'>,
  cli: Pick<Cli, 'environment'>,
): Promise<Target[] | undefined> {
  const [name] = words;
  if (!isBare(words) || name === undefined) return undefined;
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
    throw new UsageError(`${JSON.stringify(name)} is the name of several objects: write one of ${names}`);
  }
  return targets.length === 0 ? undefined : targets;
}
