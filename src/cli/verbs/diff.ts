import type { Command } from 'commander';
import { type Change, changesOf } from '../../api/difference.ts';
import { liveObjects } from '../../client/compare-objects.ts';
import { tryManifests } from '../apply/try.ts';
import type { Cli } from '../cli.ts';
import { createdText, differsText, diffSync, placed, plainFields } from '../diff/sync-diff.ts';
import { examples } from '../examples.ts';
import { CliError, describeFailure, exitCode, failureText } from '../failure.ts';
import { fileFlags } from '../file-flags.ts';
import { choice } from '../global-options.ts';
import { type FileOptions, type Manifest, readManifests } from '../read-manifests.ts';

export function define(command: Command, cli: Cli): void {
  fileFlags(
    command.description(
      'Show the differences between manifests, or the next revision of a sync, and the current state, field by field, and what would restart. The exit code is 0 without differences, 1 with differences, and greater than 1 after an error.',
    ),
  )
    .option('--sync <name>', 'show what the newest revision of this sync would change')
    .option('--server-side', 'has no effect, as it is always on; for kubectl scripts')
    .option('--force-conflicts', 'show the changes if fields of other field managers were taken over')
    .option('--field-manager <name>', 'the field manager that would own the fields', 'agentctl')
    .addOption(choice('-o, --output <format>', 'the output format', ['json']))
    .action((options: DiffOptions & { sync?: string }) =>
      (options.sync === undefined ? diff(options, cli) : diffSync(options.sync, options, cli)).catch(
        (error: unknown) => {
          if (describeFailure(error).exitCode !== exitCode.failed) throw error;
          throw new CliError(failureText(error), { exitCode: exitCode.trouble, cause: error });
        },
      ),
    );
  examples(
    command,
    ['Before an apply', 'agentctl diff -f agents.yaml'],
    ['Before a sync', 'agentctl diff --sync fleet'],
  );
}

export interface DiffOptions extends FileOptions {
  forceConflicts?: boolean;
  fieldManager: string;
  output?: 'json';
}

interface Difference {
  manifest: Manifest;
  /** Absent if the object does not exist yet. */
  changes?: Change[];
}

async function diff(options: DiffOptions, cli: Cli): Promise<void> {
  const manifests = await readManifests(options, cli);
  const client = await cli.connect(options);
  const differences: Difference[] = [];
  for (const { member: manifest, before, after } of await tryManifests(
    client,
    manifests,
    options,
    await liveObjects(client, manifests),
  )) {
    if (before === undefined || after === undefined) differences.push({ manifest });
    else {
      const changes = changesOf(manifest.info, before, after);
      if (changes.length > 0) differences.push({ manifest, changes });
    }
  }
  if (differences.length > 0) cli.exitCode = exitCode.different;
  if (options.output === 'json') return cli.out(`${JSON.stringify(differences.map(plain), null, 2)}\n`);
  cli.out(differences.map((each) => `${differenceText(each)}\n`).join('\n'));
}

const plain = ({ manifest, changes }: Difference) => ({
  object: manifest.text,
  namespace: manifest.key.namespace,
  change: changes === undefined ? 'create' : 'update',
  fields: plainFields(changes ?? []),
});

function differenceText({ manifest: { text, key, info }, changes }: Difference): string {
  const where = placed(text, key.namespace);
  return changes === undefined ? createdText(where) : differsText(where, changes, info.kind === 'Agent');
}
