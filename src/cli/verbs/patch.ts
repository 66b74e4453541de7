import type { Command } from 'commander';
import { type AnyObject, isTerminating } from '../../api/objects.ts';
import type { Patch } from '../../client/resources.ts';
import { fieldManager } from '../changing.ts';
import type { Cli } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { choice, examples } from '../flags.ts';
import { formatObjects, withoutManagedFields } from '../print/output-format.ts';
import { readText } from '../read-manifests.ts';
import { type SelectOptions, select } from '../select-objects.ts';
import { parseTargets } from '../targets.ts';

interface PatchOptions extends SelectOptions {
  patch?: string;
  patchFile?: string;
  type: 'merge' | 'json' | 'strategic';
  dryRun: 'none' | 'server';
  output?: 'json' | 'yaml' | 'name';
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<kind/name...>', 'such as agent/web or agent web')
    .option('-p, --patch <text>', 'the patch, in JSON or YAML')
    .option('--patch-file <file>', 'a file with the patch')
    .addOption(
      choice('--type <type>', 'merge (RFC 7386) or json (RFC 6902)', ['merge', 'json', 'strategic']).default(
        'merge',
      ),
    )
    .addOption(
      choice('--dry-run [where]', 'check only, change nothing', ['none', 'server'])
        .preset('server')
        .default('none'),
    )
    .addOption(choice('-o, --output <format>', 'the output format', ['json', 'yaml', 'name']))
    .action((words: string[], options: PatchOptions) => patch(words, options, cli));
  examples(
    command,
    ['One field', `agentctl patch agent web -p '{"spec":{"minReady":"5s"}}'`],
    [
      'Add to a list',
      `agentctl patch agent web --type=json -p '[{"op":"add","path":"/spec/template/args/-","value":"-v"}]'`,
    ],
  );
}

async function patch(words: readonly string[], options: PatchOptions, cli: Cli): Promise<void> {
  const body = await parsePatch(options);
  const dryRun = options.dryRun === 'server';
  const client = await cli.connect(options, { start: !dryRun });
  for (const { info, key, text } of await select(client, parseTargets(words), options, cli)) {
    const before = await client.get(info.kind, key);
    const after: AnyObject = await client.patch(info.kind, key, body, { fieldManager, dryRun });
    if (isTerminating(after) && before.metadata.generation !== after.metadata.generation)
      throw new CliError(`${text} is being deleted, so the change is lost`);
    if (options.output !== undefined) {
      cli.out(await formatObjects({ type: options.output }, [withoutManagedFields(after)], true));
      continue;
    }
    const same = !dryRun && before.metadata.resourceVersion === after.metadata.resourceVersion;
    cli.out(`${text} patched${dryRun ? ' (server dry run)' : same ? ' (no change)' : ''}\n`);
  }
}

async function parsePatch({ patch, patchFile, type }: PatchOptions): Promise<Patch> {
  if ((patch === undefined) === (patchFile === undefined)) {
    throw new UsageError('specify the patch with -p, or its file with --patch-file');
  }
  if (type === 'strategic') {
    throw new UsageError('--type: strategic is not supported: use merge, json, or agentctl apply');
  }
  const { parse } = await import('yaml');
  const text = patch ?? readText(patchFile ?? '');
  let body: unknown;
  try {
    body = parse(text);
  } catch (error) {
    throw new UsageError(`the patch is invalid: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (type === 'json' && Array.isArray(body)) return { type, body };
  if (type === 'merge' && typeof body === 'object' && body !== null && !Array.isArray(body))
    return { type, body };
  throw new UsageError(
    `the patch: expected ${type === 'json' ? 'a list of operations' : 'an object'} for --type=${type}`,
  );
}
