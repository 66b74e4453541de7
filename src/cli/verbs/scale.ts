import type { Command } from 'commander';
import { patchEach } from '../changing.ts';
import type { Cli } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { examples, wholeNumber } from '../flags.ts';
import type { SelectOptions } from '../select-objects.ts';
import { parseAgentTargets, requireKind } from '../targets.ts';

export function define(command: Command, cli: Cli): void {
  command
    .usage('[options] <agent...>')
    .argument('[agent...]', 'such as web, agent/web, or agents')
    .requiredOption('--replicas <count>', 'the number of instances', wholeNumber('--replicas'))
    .option('-l, --selector <labels>', 'select agents with these labels')
    .option('--all', 'select all agents in the namespace')
    .action((words: string[], options: SelectOptions & { replicas: number }) => {
      const { replicas } = options;
      if (replicas < 0) throw new UsageError(`--replicas: found ${replicas}, expected 0 or more`);
      requireKind(words, options, `scale --replicas=${replicas}`);
      const targets = parseAgentTargets(words, options);
      const fixed = targets.find(({ info }) => info.subresources.scale === undefined);
      if (fixed !== undefined)
        throw new CliError(`${fixed.info.plural} have no replicas: only agents can be scaled`);
      return patchEach(targets, options, cli, 'scaled', () => ({ spec: { replicas } }));
    });
  examples(command, ['Three instances', 'agentctl scale web --replicas=3']);
}
