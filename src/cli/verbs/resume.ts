import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { patchEach } from '../patching.ts';
import type { SelectOptions } from '../select.ts';
import { parseAgentTargets } from '../targets.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Let agents run again after a suspend, or after they have failed too often: failures and restarts are forgotten. On a Runtime it closes the circuit breaker.',
    )
    .argument('<agent...>', 'web, agent/web, agents, runtime/docker')
    .option('-l, --selector <labels>', 'agents with these labels')
    .option('--all', 'all agents of the namespace')
    .action((words: string[], options: SelectOptions) => {
      const annotations = { 'agentctl.dev/resume': new Date(cli.clock.now()).toISOString() };
      return patchEach(parseAgentTargets(words, options), options, cli, 'resumed', ({ info }) =>
        info.kind === 'Agent'
          ? { metadata: { annotations }, spec: { suspend: false } }
          : { metadata: { annotations } },
      );
    });
  examples(
    command,
    ['Start a suspended or a failed agent', 'agentctl resume web'],
    ['Close the circuit breaker of a Runtime', 'agentctl resume runtime/docker'],
  );
}
