import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { type InitOptions, init } from '../init/init.ts';
import { templates } from '../init/templates.ts';
import type { GlobalOptions } from '../options.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Write a first manifest to edit: an agent that runs as it stands, with what else there is in comments. Or that of an agent that talks.',
    )
    .usage('[TEMPLATE] [FILE] [flags]')
    .argument('[template]', `one of ${templates.map(({ name }) => name).join(', ')}`)
    .argument('[file]', 'where to write it (default agents.yaml, or <template>.yaml)')
    .option('--stdout', 'print it instead')
    .action((first: string | undefined, second: string | undefined, options: GlobalOptions & InitOptions) =>
      init(
        [first, second].filter((word) => word !== undefined),
        options,
        cli,
      ),
    );
  examples(
    command,
    ['In this folder', 'agentctl init'],
    ['To read it first', 'agentctl init --stdout'],
    ...templates.map(({ name, what }) => [sentence(what), `agentctl init ${name}`] as const),
  );
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
