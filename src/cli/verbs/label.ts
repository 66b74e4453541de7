import type { Command } from 'commander';
import { authorAnnotation } from '../../api/annotations.ts';
import { isApiError } from '../../api/errors.ts';
import { deepEqual } from '../../api/json.ts';
import type { AnyObject } from '../../api/objects.ts';
import { fieldManager } from '../changing.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { examples } from '../flags.ts';
import { printFailures } from '../get-tables.ts';
import { type Selected, type SelectOptions, select } from '../select-objects.ts';
import { parseTargets } from '../targets.ts';

export const define = (command: Command, cli: Cli): void =>
  defineMarking(command, cli, 'labels', 'labeled', 'team=research');

export const defineAnnotate = (command: Command, cli: Cli): void =>
  defineMarking(command, cli, 'annotations', 'annotated', 'example.com/owner=ann');

interface MarkOptions extends SelectOptions {
  overwrite?: boolean;
  list?: boolean;
  resourceVersion?: string;
}

/** `label` and `annotate` are the same verb for two fields of the metadata. */
function defineMarking(
  command: Command,
  cli: Cli,
  field: 'labels' | 'annotations',
  done: string,
  example: string,
): void {
  command
    .argument('<kind/name...>', 'objects, then key=value to set a key or key- to remove it')
    .option('-l, --selector <labels>', 'select objects with these labels')
    .option('--all', 'select all objects of the kind')
    .option('--overwrite', `overwrite existing values of ${field}`)
    .option('--resource-version <version>', 'fail if the object has another resourceVersion')
    .option('--list', `show the ${field}`)
    .action((words: string[], options: MarkOptions) => mark(words, options, cli, field, done));
  const verb = command.name();
  examples(
    command,
    ['Set', `agentctl ${verb} agent web ${example}`],
    ['Remove', `agentctl ${verb} agent/web ${example.split('=')[0]}-`],
  );
}

async function mark(
  words: readonly string[],
  options: MarkOptions,
  cli: Cli,
  field: 'labels' | 'annotations',
  done: string,
): Promise<void> {
  const isChange = (word: string): boolean => word.includes('=') || word.endsWith('-');
  const changes = words.filter(isChange).map(parseChange);
  if (changes.length === 0 && options.list !== true) {
    throw new UsageError(`specify key=value to set a key, or key- to remove it`);
  }
  const client = await cli.connect(options, { start: true });
  const selected = await select(client, parseTargets(words.filter((word) => !isChange(word))), options, cli);
  const failures: unknown[] = [];
  for (const { info, key, text } of selected) {
    try {
      const before = await client.get(info.kind, key);
      const now = before.metadata[field] ?? {};
      if (options.list === true) {
        cli.out(
          Object.entries(now)
            .map(([name, value]) => `${name}=${value}\n`)
            .join(''),
        );
        continue;
      }
      const taken = changes.find(([name, value]) => value !== null && (now[name] ?? value) !== value);
      if (taken !== undefined && options.overwrite !== true) {
        const [name] = taken;
        throw new CliError(`${text} has ${name}=${now[name]} already; use --overwrite to change it`);
      }
      const after = await write(client, { info, key, text }, before, field, changes, options);
      const changed = before.metadata.resourceVersion !== after.metadata.resourceVersion;
      const isRemoval = changes.every(([, value]) => value === null);
      const word = isRemoval ? `un${done}` : done;
      const unchanged = isRemoval ? absent(field, changes) : `not ${word}`;
      cli.out(`${text} ${changed ? word : unchanged}\n`);
    } catch (error) {
      failures.push(error);
    }
  }
  printFailures(failures, cli);
}

function absent(field: 'labels' | 'annotations', changes: readonly [string, string | null][]): string {
  const names = changes.map(([name]) => name).join(', ');
  return `has no ${field === 'labels' ? 'label' : 'annotation'} ${names}`;
}

const mostTries = 20;

/**
 * A take-over (the author annotation is removed) applies to the object that was read: the write requires its version,
 * and is retried only if just status or metadata has changed since. Any change with --resource-version requires exactly
 * that version.
 */
async function write(
  client: Client,
  { info, key, text }: Selected,
  read: AnyObject,
  field: 'labels' | 'annotations',
  changes: readonly [string, string | null][],
  { resourceVersion }: MarkOptions,
): Promise<AnyObject> {
  const marks = { [field]: Object.fromEntries(changes) };
  const isTakeOver = changes.some(([name, value]) => name === authorAnnotation && value === null);
  let seen = read;
  for (let tries = 1; ; tries += 1) {
    const pinned = resourceVersion ?? (isTakeOver ? seen.metadata.resourceVersion : undefined);
    const body = { metadata: { ...(pinned === undefined ? {} : { resourceVersion: pinned }), ...marks } };
    try {
      return await client.patch(info.kind, key, { type: 'merge', body }, { fieldManager });
    } catch (error) {
      if (!isApiError(error, 'Conflict') || resourceVersion !== undefined || tries === mostTries) throw error;
    }
    seen = await client.get(info.kind, key);
    if (!deepEqual(substance(seen), substance(read)))
      throw new CliError(`${text} was changed in the meantime; review it and try again`);
  }
}

/** Returns the content of an object without status and most metadata, with its uid. */
const substance = (object: AnyObject): unknown => {
  const { metadata, ...rest } = object;
  return { ...rest, uid: metadata.uid, status: undefined };
};

/** null removes the key. */
function parseChange(word: string): [name: string, value: string | null] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
  return name === undefined || value === undefined ? [word.slice(0, -1), null] : [name, value];
}
