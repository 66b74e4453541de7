import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { nearest } from '../../api/text.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { examples } from '../flags.ts';
import { templateText } from '../init/template-text.ts';
import { firstManifest, templates } from '../init/templates.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Create a manifest from a template. Without a template, create an agent that runs as it is, with more fields in comments.',
    )
    .usage('[TEMPLATE] [FILE] [flags]')
    .argument('[template]', `one of ${templates.map(({ name }) => name).join(', ')}`)
    .argument('[file]', 'the file to write (default agents.yaml, or <template>.yaml)')
    .option('--stdout', 'print the manifest, write no file')
    .action((first: string | undefined, second: string | undefined, options: GlobalOptions & InitOptions) =>
      init(
        [first, second].filter((word) => word !== undefined),
        options,
        cli,
      ),
    );
  examples(
    command,
    ['Create agents.yaml in this folder', 'agentctl init'],
    ['Print it', 'agentctl init --stdout'],
    ...templates.map(({ name, what }) => [sentence(what), `agentctl init ${name}`] as const),
  );
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

interface InitOptions {
  stdout?: boolean;
}

/** Handles `init`, `init FILE`, `init TEMPLATE`, `init TEMPLATE FILE`. */
function init(words: readonly string[], { stdout }: InitOptions, cli: Cli): void {
  const [first, second] = words;
  const template = templates.find(({ name }) => name === first);
  if (template === undefined && second !== undefined) throw unknown(first ?? '');
  if (template === undefined && first !== undefined && !/[./]/.test(first)) throw unknown(first);
  const text = template === undefined ? firstManifest : templateText(template.name);
  if (stdout === true) {
    cli.out(text);
    return;
  }
  const file = template === undefined ? (first ?? 'agents.yaml') : (second ?? `${template.name}.yaml`);
  write(file, text);
  const edit = template === undefined ? 'Edit it' : 'Read the comments at its top';
  cli.out(`wrote ${file}. ${edit}, then: agentctl apply -f ${file}\n`);
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST'; // writeFileSync throws nothing else
    throw new CliError(
      exists
        ? `${file} already exists: specify another file, or use --stdout`
        : `${file} cannot be written: ${String(cause)}`,
      { cause },
    );
  }
}

function unknown(word: string): UsageError {
  const names = templates.map(({ name }) => name);
  const meant = nearest(word, names);
  const hint = meant === undefined ? '.' : `; did you mean ${JSON.stringify(meant)}?`;
  return new UsageError(
    `unknown template ${JSON.stringify(word)}${hint} Expected one of ${names.join(', ')}, or a file such as agents.yaml`,
  );
}
