import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { fieldErrorText } from '../../api/field-error.ts';
import { kindInfo } from '../../api/kinds.ts';
import type { AnyObject, Kind, New } from '../../api/objects.ts';
import { validateObject } from '../../api/validation.ts';
import type { Cli } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { choice, collect, examples, namespaceOf } from '../flags.ts';
import { printFailures } from '../get-tables.ts';
import { formatObjects, withoutManagedFields } from '../print/output-format.ts';
import { type FileOptions, readManifests, textIn } from '../read-manifests.ts';
import { objectName } from '../targets.ts';

const withWriting = (command: Command): Command =>
  command
    .addOption(
      choice('--dry-run [where]', 'check only, change nothing', ['none', 'client', 'server'])
        .preset('client')
        .default('none'),
    )
    .addOption(choice('-o, --output <format>', 'the output format', ['json', 'yaml', 'name']));

const withData = (command: Command): Command =>
  withWriting(command)
    .option('--from-literal <key=value>', 'a key and its value; can be repeated', collect)
    .option(
      '--from-file <[key=]path>',
      'a file, by its name or another key, or all files of a folder',
      collect,
    )
    .option('--from-env-file <file>', 'a file with lines KEY=value', collect);

export function define(command: Command, cli: Cli): void {
  withWriting(
    command
      .description('Create objects from a file, or a secret, a configmap or a namespace from options.')
      .usage('-f FILE | secret generic NAME | configmap NAME | namespace NAME')
      .option('-f, --filename <file>', 'a file, a folder, a URL, or - for standard input', collect)
      .option('-k, --kustomize <folder>', 'a folder with a kustomization.yaml; needs kustomize or kubectl'),
  ).action((options: CreateOptions) => createFromFiles(options, cli));

  const secret = command.command('secret').description('Create a secret');
  const generic = withData(
    secret.command('generic').description('Create a secret from values, files or env files'),
  )
    .argument('<name>')
    .option('--type <type>', 'the type of the secret', 'Opaque')
    .action(async (name: string, options: CreateOptions & DataOptions & { type: string }) => {
      const data = await literalsOf(options, cli, 'base64');
      await createOne('Secret', name, { type: options.type, ...data }, options, cli);
    });
  examples(
    generic,
    ['From a value', 'agentctl create secret generic model --from-literal=API_KEY=...'],
    [
      'From a file, to keep the value out of the shell history',
      'agentctl create secret generic model --from-file=API_KEY=./key.txt',
    ],
  );
  withData(
    command
      .command('configmap')
      .alias('cm')
      .description('Create a configmap from values, files or env files'),
  )
    .argument('<name>')
    .action(async (name: string, options: CreateOptions & DataOptions) => {
      await createOne('ConfigMap', name, await literalsOf(options, cli, 'text'), options, cli);
    });
  withWriting(command.command('namespace').alias('ns').description('Create a namespace'))
    .argument('<name>')
    .action((name: string, options: CreateOptions) => createOne('Namespace', name, {}, options, cli));
  examples(command, ['A secret', 'agentctl create secret generic model --from-literal=API_KEY=...']);
}

export interface CreateOptions extends FileOptions {
  dryRun: 'none' | 'client' | 'server';
  output?: 'json' | 'yaml' | 'name';
}

const fieldManager = 'agentctl-create';

/** Creates one object; `content` is everything except kind and metadata. */
export async function createOne(
  kind: Kind,
  name: string,
  content: object,
  options: CreateOptions,
  cli: Cli,
): Promise<void> {
  const info = kindInfo(kind);
  const metadata = info.namespaced ? { name, namespace: namespaceOf(options, cli.environment) } : { name };
  const object = { apiVersion: info.apiVersion, kind, metadata, ...content };
  const errors = validateObject(info, object);
  if (errors.length > 0) throw new CliError(errors.map(fieldErrorText).join('\nerror: '));
  await send([object as New<AnyObject>], options, cli); // just validated
}

export async function createFromFiles(options: CreateOptions, cli: Cli): Promise<void> {
  const manifests = await readManifests(options, cli);
  await send(
    manifests.map(({ object }) => object),
    options,
    cli,
  );
}

async function send(objects: readonly New<AnyObject>[], options: CreateOptions, cli: Cli): Promise<void> {
  const { dryRun } = options;
  const client = dryRun === 'client' ? undefined : await cli.connect(options, { start: dryRun === 'none' });
  const failures: unknown[] = [];
  for (const object of objects) {
    const kind = object.kind as Kind; // validated
    try {
      const made =
        client === undefined
          ? (object as AnyObject) // a client dry run has no other object
          : await client.create(kind, object as New<never>, {
              fieldManager,
              fieldValidation: 'Strict',
              dryRun: dryRun === 'server',
            }); // of this kind
      const suffix = dryRun === 'none' ? '' : dryRun === 'server' ? ' (server dry run)' : ' (dry run)';
      cli.out(
        options.output === undefined
          ? `${objectName(kindInfo(kind), made.metadata.name)} created${suffix}\n`
          : await formatObjects({ type: options.output }, [withoutManagedFields(made)], true),
      );
    } catch (error) {
      failures.push(error);
    }
  }
  printFailures(failures, cli);
}

export interface DataOptions {
  fromLiteral?: string[];
  fromFile?: string[];
  fromEnvFile?: string[];
}

/** Returns data from flags: base64 for a Secret, text (or binaryData if it is not text) for a ConfigMap. */
export async function literalsOf(
  options: DataOptions,
  cli: Pick<Cli, 'stdin'>,
  as: 'base64' | 'text',
): Promise<{ data: Record<string, string>; binaryData?: Record<string, string> }> {
  const values = new Map<string, Uint8Array>();
  const put = (key: string, value: Uint8Array, flag: string): void => {
    if (!/^[-._a-zA-Z0-9]+$/.test(key)) {
      throw new UsageError(
        `${flag}: found the key ${JSON.stringify(key)}, expected letters, digits, -, _ and .`,
      );
    }
    if (values.has(key)) throw new UsageError(`${flag}: duplicate key ${key}`);
    values.set(key, value);
  };
  for (const text of options.fromLiteral ?? []) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    // The value may be a secret, so no part of it is shown.
    if (key === undefined || value === undefined) throw new UsageError('--from-literal: expected key=value');
    put(key, Buffer.from(value), '--from-literal');
  }
  for (const text of options.fromFile ?? []) {
    for (const [key, bytes] of await filesOf(text, cli)) put(key, bytes, '--from-file');
  }
  for (const path of options.fromEnvFile ?? []) {
    for (const [key, value] of envLines(textIn(read(path, '--from-env-file'), path), path)) {
      put(key, Buffer.from(value), '--from-env-file');
    }
  }
  return encode(values, as);
}

function encode(values: ReadonlyMap<string, Uint8Array>, as: 'base64' | 'text') {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  if (as === 'base64')
    return { data: Object.fromEntries([...values].map(([key, bytes]) => [key, base64(bytes)])) };
  const isText = (bytes: Uint8Array): boolean => Buffer.from(Buffer.from(bytes).toString()).equals(bytes);
  const texts = [...values].filter(([, bytes]) => isText(bytes));
  const binary = [...values].filter(([, bytes]) => !isText(bytes));
  return {
    data: Object.fromEntries(texts.map(([key, bytes]) => [key, Buffer.from(bytes).toString()])),
    ...(binary.length === 0
      ? {}
      : { binaryData: Object.fromEntries(binary.map(([key, bytes]) => [key, base64(bytes)])) }),
  };
}

async function filesOf(text: string, cli: Pick<Cli, 'stdin'>): Promise<[string, Uint8Array][]> {
  const [, key, path = text] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (path === '-' || path === '/dev/stdin') {
    if (key === undefined)
      throw new UsageError('--from-file: standard input requires a key: --from-file=KEY=-');
    return [[key, await cli.stdin()]];
  }
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!folder) return [[key ?? basename(path), read(path, '--from-file')]];
  if (key !== undefined) throw new UsageError(`--from-file: ${path} is a folder and cannot have a key`);
  const entries = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map(({ name }) => [name, read(join(path, name), '--from-file')]);
}

function read(path: string, flag: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(`${flag}: ${path} cannot be read: ${why}`, { cause });
  }
}

/** Parses lines of KEY=value as kubectl does: # comments, no quoting, a key alone is refused. */
function envLines(text: string, path: string): [string, string][] {
  return text.split(/\r?\n/).flatMap((line, index): [string, string][] => {
    if (/^\s*(#.*)?$/.test(line)) return [];
    const [, key, value] = /^\s*([A-Za-z_][\w.-]*)=(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined)
      throw new CliError(`${path}:${index + 1}: expected KEY=value`);
    return [[key, value]];
  });
}
