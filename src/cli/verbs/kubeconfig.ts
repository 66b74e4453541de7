import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { CliError } from '../failure.ts';
import { choice, type GlobalOptions } from '../options.ts';
import { pathsFor } from '../paths.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Print a kubeconfig for kubectl, k9s and client libraries. It contains a token: keep it secret.',
    )
    .addOption(choice('--role <role>', 'the role of the token', ['admin', 'edit', 'view']).default('admin'))
    .action(({ role, ...options }: GlobalOptions & { role: string }) => {
      const { state } = pathsFor(options, cli.environment);
      try {
        cli.out(readFileSync(join(state, 'server', `${role}.kubeconfig`), 'utf8'));
      } catch (cause) {
        throw new CliError(
          'there is no kubeconfig yet, because the controller does not listen for kubectl. Run: agentctl controller restart --listen=127.0.0.1:6443',
          { cause },
        );
      }
    });
  examples(command, [
    'List agents with kubectl',
    'agentctl controller restart --listen=127.0.0.1:6443\nagentctl kubeconfig > ~/.kube/agentctl\nkubectl --kubeconfig ~/.kube/agentctl get agents',
  ]);
}
