import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { explainText } from '../explain/explain.ts';
import type { GlobalOptions } from '../options.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description('Show the fields of a kind, their types and descriptions. This needs no controller.')
    .argument('<kind[.field...]>', 'such as agents, agent.spec.template, policy.spec.restart')
    .option('--recursive', 'show all nested fields, without descriptions')
    .action((path: string, { recursive }: GlobalOptions & { recursive?: boolean }) =>
      cli.out(explainText(path, recursive === true)),
    );
  examples(
    command,
    ['A kind', 'agentctl explain agents'],
    ['A field', 'agentctl explain agents.spec.template'],
    ['All fields', 'agentctl explain policies --recursive'],
  );
}
