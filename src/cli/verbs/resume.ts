import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { patchEach } from '../patching.ts';
import type { SelectOptions } from '../select.ts';
import { parseSwitchTargets } from '../switching.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Let agents run again after a suspend, or after they have failed too often: failures and restarts are forgotten. On a Runtime it closes the circuit breaker. A sync follows its source again.',
    )
    .argument('<agent...>', 'web, agent/web, agents, runtime/docker, sync/fleet')
    .option('-l, --selector <labels>', 'agents, or syncs, with these labels')
    .option('--all', 'all agents, or syncs, of the namespace')
    .action((words: string[], options: SelectOptions) => {
      const annotations = { 'agentctl.dev/resume': new Date(cli.clock.now()).toISOString() };
      const targets = parseSwitchTargets(words, options, ['Agent', 'Runtime', 'Sync']);
      return patchEach(targets, options, cli, 'resumed', ({ info }) => ({
        ...(info.kind === 'Sync' ? {} : { metadata: { annotations } }),
        ...(info.kind === 'Runtime' ? {} : { spec: { suspend: false } }),
      }));
    });
  examples(
    command,
    ['Start a suspended or a failed agent', 'agentctl resume web'],
    ['Close the circuit breaker of a Runtime', 'agentctl resume runtime/docker'],
    ['Follow a repository again', 'agentctl resume sync/fleet'],
  );
}
