import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { formatManifestError, parseManifests } from '../../api/manifest.ts';
import type { Kinds } from '../../api/objects.ts';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { CliError, tell, UsageError } from '../failure.ts';
import { type GlobalOptions, namespaceOf } from '../options.ts';
import { withoutManagedFields, yamlText } from '../print/objects.ts';
import { selectedOf } from '../select.ts';
import { parseTargets } from '../targets.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description('Change an object in $KUBE_EDITOR, $EDITOR or vi. Unchanged or emptied, it stays as it is.')
    .argument('<kind/name...>', 'agent/web, agent web')
    .action((words: string[], options: GlobalOptions) => edit(words, options, cli));
  examples(command, ['An agent', 'agentctl edit agent web']);
}

async function edit(words: readonly string[], options: GlobalOptions, cli: Cli): Promise<void> {
  const [target, second] = parseTargets(words);
  if (target?.name === undefined || second !== undefined)
    throw new UsageError('name one object: agentctl edit agent web');
  const { info, key, text } = selectedOf(target.info, target.name, namespaceOf(options, cli.environment));
  const client = await cli.connect(options, { start: true });
  const { status: _, ...object } = withoutManagedFields(await client.get(info.kind, key)) as Kinds['Agent']; // any kind: only status is left out
  const before = await yamlText(object);
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-edit-'));
  const file = join(folder, `${info.singular}-${key.name}.yaml`);
  let problem = '';
  try {
    writeFileSync(file, before, { mode: 0o600 });
    for (;;) {
      open(file, cli);
      const after = readFileSync(file, 'utf8').replace(/^# .*\n/gm, '');
      if (after === before || after.trim() === '') return cli.out('Edit cancelled, no changes made.\n');
      const { documents, errors } = parseManifests([{ name: file, bytes: Buffer.from(after) }]);
      const [document] = documents;
      let why = errors.map(formatManifestError).join('\n');
      if (document !== undefined && errors.length === 0) {
        try {
          await client.update(info.kind, document.object as unknown as never, {
            fieldManager: 'agentctl-edit',
          }); // validated
          return cli.out(`${text} edited\n`);
        } catch (error) {
          why = tell(error).text;
        }
      }
      if (why === problem || !cli.terminal.in) throw new CliError(why);
      problem = why;
      writeFileSync(file, `${why.replace(/^/gm, '# ')}\n${after}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function open(file: string, { environment }: Cli): void {
  const editor = environment.KUBE_EDITOR ?? environment.VISUAL ?? environment.EDITOR ?? 'vi';
  const { status, error } = spawnSync('sh', ['-c', `${editor} "$0"`, file], { stdio: 'inherit' });
  if (error !== undefined || status !== 0) {
    throw new CliError(`the editor ${JSON.stringify(editor)} failed; $EDITOR names another one`);
  }
}
