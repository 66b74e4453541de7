import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type DeleteOptions, remove } from '../delete/delete.ts';
import { examples } from '../examples.ts';
import { fileFlags } from '../file-flags.ts';
import { choice, duration } from '../options.ts';

export function define(command: Command, cli: Cli): void {
  fileFlags(
    command
      .description(
        'Delete objects and wait until they are gone. Volumes are kept and listed, unless --purge is given. Objects that a sync applied are kept.',
      )
      .argument('[kind/name...]', 'such as agent/web, agent web, or agents'),
    'the objects in a file, a folder, a URL, or - for standard input',
  )
    .option('-l, --selector <labels>', 'select objects with these labels')
    .option('--field-selector <fields>', 'select objects with these fields')
    .option('--all', 'select all objects of the kind in the namespace')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option('--wait', 'wait until they are gone (default)', true)
    .option('--no-wait', 'do not wait')
    .option('--timeout <duration>', 'time out after this long', duration('--timeout'))
    .option('--force', 'delete an agent without waiting for its Runtime; show what may still run there')
    .option('--purge', 'also delete the volumes of agents')
    .option('--ignore-not-found', 'succeed if an object does not exist')
    .addOption(
      choice('--cascade [how]', 'how to delete dependent objects', ['background', 'foreground', 'orphan'])
        .preset('background')
        .default('background'),
    )
    .addOption(
      choice('--dry-run [where]', 'show what would be deleted, delete nothing', ['none', 'client', 'server'])
        .preset('client')
        .default('none'),
    )
    .addOption(choice('-o, --output <format>', 'the output format', ['name']))
    .action((words: string[], options: DeleteOptions) => remove(words, options, cli));
  examples(
    command,
    ['One agent, but not its volumes', 'agentctl delete agent web'],
    ['All objects in a manifest', 'agentctl delete -f agents.yaml'],
    ['One agent and its volumes', 'agentctl delete agent web --purge'],
  );
}
