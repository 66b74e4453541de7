import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { type InitOptions, init } from '../init/init.ts';
import { templates } from '../init/templates.ts';
import type { GlobalOptions } from '../options.ts';

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
