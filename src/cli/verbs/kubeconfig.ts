import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { UnreachableError } from '../../api/errors.ts';
import { shellWord } from '../../api/text.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { CliError, nothingListens } from '../failure.ts';
import { choice, examples, pathsFor } from '../flags.ts';

const defaultAddress = '127.0.0.1:6443';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Print a kubeconfig for kubectl, k9s and client libraries. It contains a token: keep it secret.',
    )
    .addOption(choice('--role <role>', 'the role of the token', ['admin', 'edit', 'view']).default('admin'))
    .action(async ({ role, ...options }: GlobalOptions & { role: string }) => {
      const text = read(role, options, cli);
      cli.out(text);
      const remedy = await howToListen(options, cli);
      if (remedy === undefined) return;
      const [, address = defaultAddress] = /^\s*server: https:\/\/(\S+)$/m.exec(text) ?? [];
      cli.err(`warning: this kubeconfig does not work yet: ${remedy} --listen=${shellWord(address)}\n`);
    });
  examples(command, [
    'List agents with kubectl',
    'agentctl controller restart --listen=127.0.0.1:6443\nagentctl kubeconfig > ~/.kube/agentctl\nkubectl --kubeconfig ~/.kube/agentctl get agents',
  ]);
}

function read(role: string, options: GlobalOptions, cli: Cli): string {
  const { state } = pathsFor(options, cli.environment);
  try {
    return readFileSync(join(state, 'server', `${role}.kubeconfig`), 'utf8');
  } catch (cause) {
    throw new CliError(
      `there is no kubeconfig yet, because the controller does not listen for kubectl. Run: agentctl controller restart --listen=${defaultAddress}`,
      { cause },
    );
  }
}

/** Returns why kubectl cannot connect, with the command that changes it; undefined if the controller listens. */
async function howToListen(options: GlobalOptions, cli: Cli): Promise<string | undefined> {
  try {
    const { tls } = await (await cli.connect(options)).status();
    if (tls !== undefined) return undefined;
    return 'the controller does not listen for kubectl. Run: agentctl controller restart';
  } catch (error) {
    if (!(error instanceof UnreachableError) || !nothingListens(error.cause)) throw error;
    return 'no controller is running. Run: agentctl controller start';
  }
}
