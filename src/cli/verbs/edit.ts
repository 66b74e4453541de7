import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { UnreachableError } from '../../api/errors.ts';
import { formatManifestError, parseManifests } from '../../api/manifest.ts';
import type { Kinds } from '../../api/objects.ts';
import { visible } from '../../api/text.ts';
import { writeChange } from '../changing.ts';
import type { Cli, Client, GlobalOptions } from '../cli.ts';
import { CliError, describeFailure, failureText, UsageError } from '../failure.ts';
import { examples, namespaceOf } from '../flags.ts';
import { withoutManagedFields, yamlText } from '../print/output-format.ts';
import { readText } from '../read-manifests.ts';
import { type Selected, selectedOf } from '../select-objects.ts';
import { parseTargets } from '../targets.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Edit an object in $KUBE_EDITOR, $EDITOR or vi. Save without changes, or an empty file, to cancel.',
    )
    .argument('<kind/name...>', 'such as agent/web or agent web')
    .action((words: string[], options: GlobalOptions) => edit(words, options, cli));
  examples(command, ['An agent', 'agentctl edit agent web']);
}

async function edit(words: readonly string[], options: GlobalOptions, cli: Cli): Promise<void> {
  const [target, second] = parseTargets(words);
  if (target?.name === undefined || second !== undefined)
    throw new UsageError('specify one object: agentctl edit agent web');
  const selected = selectedOf(target.info, target.name, namespaceOf(options, cli.environment));
  const { info, key, text } = selected;
  const client = await cli.connect(options, { start: true });
  const { status: _, ...object } = withoutManagedFields(await client.get(info.kind, key)) as Kinds['Agent']; // any kind: only status is left out
  const before = await yamlText(object);
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-edit-'));
  const file = join(folder, `${info.singular}-${key.name}.yaml`);
  writeFileSync(file, before, { mode: 0o600 });
  let keep = false;
  try {
    const taken = await editUntilTaken(client, selected, file, before, cli);
    cli.out(taken ? `${text} edited\n` : 'Edit cancelled, no changes made.\n');
  } catch (cause) {
    keep = readFileSync(file, 'utf8') !== before;
    if (!keep) throw cause;
    const { exitCode } = describeFailure(cause);
    throw new CliError(`${failureText(cause)}\nyour changes are saved in ${file}`, { exitCode, cause });
  } finally {
    if (!keep) rmSync(folder, { recursive: true });
  }
}

/**
 * A refused text returns to the editor with the reason, if the editor is interactive. Returns false if nothing was
 * changed.
 */
async function editUntilTaken(
  client: Client,
  selected: Selected,
  file: string,
  before: string,
  cli: Cli,
): Promise<boolean> {
  let refused = '';
  for (;;) {
    open(file, cli);
    const after = readText(file).replace(/^# .*\n/gm, '');
    if (after === before || after.trim() === '') return false;
    try {
      const change = { before: parsed(file, before), after: parsed(file, after) };
      const { changed } = await writeChange(client, selected, change, { fieldManager: 'agentctl-edit' });
      return changed;
    } catch (error) {
      if (after === refused || !cli.terminal.in || error instanceof UnreachableError) throw error;
      refused = after;
      // An editor displays text like a terminal, and no line of the reason may be read as YAML.
      writeFileSync(file, `${visible(describeFailure(error).text).replace(/^/gm, '# ')}\n${after}`);
    }
  }
}

function parsed(file: string, text: string): object {
  const { documents, errors } = parseManifests([{ name: file, bytes: Buffer.from(text) }]);
  const [document] = documents;
  if (document === undefined || errors.length > 0)
    throw new CliError(errors.map(formatManifestError).join('\n'));
  return document.object;
}

function open(file: string, { environment }: Cli): void {
  const editor = environment.KUBE_EDITOR ?? environment.VISUAL ?? environment.EDITOR ?? 'vi';
  const { status, error } = spawnSync('sh', ['-c', `${editor} "$0"`, file], { stdio: 'inherit' });
  if (error !== undefined || status !== 0) {
    throw new CliError(`the editor ${JSON.stringify(editor)} failed; set $EDITOR to use another one`);
  }
}
