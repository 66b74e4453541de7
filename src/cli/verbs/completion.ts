import { Argument, type Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type Shell, scripts } from '../complete/scripts.ts';
import { examples } from '../examples.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Print a script that completes commands, options, kinds and the names of objects in your shell.',
    )
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(['bash', 'zsh', 'fish']))
    .action((shell: Shell) => cli.out(scripts[shell]));
  examples(
    command,
    ['bash, for this session; put it into ~/.bashrc for all', 'source <(agentctl completion bash)'],
    ['zsh', 'source <(agentctl completion zsh)'],
    ['fish', 'agentctl completion fish | source'],
  );
}
