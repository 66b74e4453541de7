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
        'Delete objects, and wait until they are gone. Volumes are kept and listed, unless --purge. What a sync applied stays.',
      )
      .argument('[kind/name...]', 'agent/web, agent web, agents'),
    'the objects that files, folders, URLs or - name',
  )
    .option('-l, --selector <labels>', 'objects with these labels')
    .option('--field-selector <fields>', 'objects with these fields')
    .option('--all', 'all objects of that kind in the namespace')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('--wait', 'wait until they are gone', true)
    .option('--no-wait', 'only ask for it')
    .option('--timeout <duration>', 'wait no longer than this', duration('--timeout'))
    .option('--force', 'let go of an agent whose Runtime is gone for good; what is left there is told')
    .option('--purge', 'delete the volumes of agents too')
    .option('--ignore-not-found', 'succeed where an object does not exist')
    .addOption(
      choice('--cascade [how]', 'what becomes of what an object owns', ['background', 'foreground', 'orphan'])
        .preset('background')
        .default('background'),
    )
    .addOption(
      choice('--dry-run [where]', 'only say what would be deleted', ['none', 'client', 'server'])
        .preset('client')
        .default('none'),
    )
    .addOption(choice('-o, --output <format>', 'how to print it', ['name']))
    .action((words: string[], options: DeleteOptions) => remove(words, options, cli));
  examples(
    command,
    ['One agent; its volumes stay', 'agentctl delete agent web'],
    ['All that a manifest has made', 'agentctl delete -f agents.yaml'],
    ['With all that it has kept', 'agentctl delete agent web --purge'],
  );
}
