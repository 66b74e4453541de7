import type { Command } from 'commander';
import { kindInfo } from '../../api/kinds.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { choice, examples } from '../flags.ts';
import { printFailures, withGetFlags } from '../get-tables.ts';
import { idKey, objectName } from '../targets.ts';
import { describe } from './describe.ts';
import { getTalk, type TalkGetOptions } from './messages.ts';

export function define(command: Command, cli: Cli): void {
  command.description('List, show and close conversations with agents.');
  withGetFlags(command.command('get').description('List conversations').argument('[id...]', 'only these ids'))
    .option('--agent <name>', 'only conversations with this agent')
    .addOption(choice('--state <state>', 'only in this state', ['open', 'closed']))
    .action((ids: string[], options: TalkGetOptions) =>
      getTalk('Conversation', 'conversations', ids, options, cli),
    );
  command
    .command('describe')
    .description('Show a conversation and what it has used')
    .argument('<id...>')
    .action((ids: string[], options: GlobalOptions) =>
      describe(
        ids.map((id) => `conversation/${idKey(id, 'Conversation', options, cli).name}`),
        { ...options, showEvents: true },
        cli,
      ),
    );
  command
    .command('close')
    .description('Close conversations. Their waiting messages fail')
    .argument('<id...>')
    .action((ids: string[], options: GlobalOptions) => close(ids, options, cli));
  examples(
    command,
    ['The conversations of an agent', 'agentctl conversations get --agent=coder'],
    ['Show what was said', 'agentctl conversations describe c-x7k2p'],
    ['Make room for another conversation', 'agentctl conversations close c-x7k2p'],
  );
}

async function close(ids: readonly string[], options: GlobalOptions, cli: Cli): Promise<void> {
  const keys = ids.map((id) => idKey(id, 'Conversation', options, cli));
  const client = await cli.connect(options, { start: true });
  const failures: unknown[] = [];
  for (const key of keys) {
    try {
      await client.closeConversation(key);
      cli.out(`${objectName(kindInfo('Conversation'), key.name)} closed\n`);
    } catch (error) {
      failures.push(error);
    }
  }
  printFailures(failures, cli);
}
