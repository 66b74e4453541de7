import type { Command } from 'commander';
import { resumeAnnotation } from '../../api/annotations.ts';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { patchEach } from '../patching.ts';
import type { SelectOptions } from '../select-objects.ts';
import { parseSwitchTargets } from '../switching.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Start agents again after a suspend, or after too many failures; their failure and restart counts are reset. For a Runtime, close its circuit breaker. For a sync, continue to follow its source.',
    )
    .usage('[options] <agent...>')
    .argument('[agent...]', 'such as web, agent/web, agents, runtime/docker, sync/fleet')
    .option('-l, --selector <labels>', 'select agents or syncs with these labels')
    .option('--all', 'select all agents or syncs in the namespace')
    .action((words: string[], options: SelectOptions) => {
      const annotations = { [resumeAnnotation]: new Date(cli.clock.now()).toISOString() };
      const targets = parseSwitchTargets(words, options, ['Agent', 'Runtime', 'Sync'], 'resume');
      return patchEach(targets, options, cli, 'resumed', ({ info }) => ({
        ...(info.kind === 'Sync' ? {} : { metadata: { annotations } }),
        ...(info.kind === 'Runtime' ? {} : { spec: { suspend: false } }),
      }));
    });
  examples(
    command,
    ['Start a suspended or failed agent', 'agentctl resume web'],
    ['Close the circuit breaker of a Runtime', 'agentctl resume runtime/docker'],
    ['Continue a sync', 'agentctl resume sync/fleet'],
  );
}
