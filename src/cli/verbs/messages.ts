import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type DescribeOptions, describe } from '../describe/describe.ts';
import { examples } from '../examples.ts';
import { withGetFlags } from '../get/flags.ts';
import { change } from '../messages/change.ts';
import { getTalk, type TalkGetOptions } from '../messages/get.ts';
import { choice, type GlobalOptions } from '../options.ts';
import { hear } from '../send/hear.ts';
import { idKey } from '../talk/names.ts';

const states = ['pending', 'delivered', 'acknowledged', 'completed', 'failed', 'expired'];

export function define(command: Command, cli: Cli): void {
  command.description(
    'List, show, retry and cancel messages. Messages are kept for one day after they have ended.',
  );
  withGetFlags(command.command('get').description('List messages').argument('[id...]', 'only these ids'))
    .option('--agent <name>', 'only messages to this agent')
    .addOption(choice('--state <state>', 'only in this state', states))
    .action((ids: string[], options: TalkGetOptions) => getTalk('Message', 'messages', ids, options, cli));
  command
    .command('describe')
    .description('Show a message: its text, what the agent did, and the answer')
    .argument('<id...>')
    .action((ids: string[], options: GlobalOptions) =>
      describe(
        ids.map((id) => `message/${idKey(id, 'Message', options, cli).name}`),
        { ...options, showEvents: true } satisfies DescribeOptions,
        cli,
      ),
    );
  command
    .command('follow')
    .description(
      'Print the answer from its beginning and as it comes, until it ends. Exit codes are those of send',
    )
    .argument('<id>')
    .addOption(choice('-o, --output <format>', 'json prints one event per line', ['json']))
    .option('--raw', 'print the answer unchanged, with control characters')
    .action(async (id: string, options: GlobalOptions & { output?: 'json'; raw?: boolean }) => {
      const key = idKey(id, 'Message', options, cli);
      const client = await cli.connect(options);
      await hear(client, await client.get('Message', key), { ...options, stream: true }, cli);
    });
  command
    .command('retry')
    .description('Send failed or expired messages again')
    .argument('<id...>')
    .action((ids: string[], options: GlobalOptions) => change(ids, 'retry', options, cli));
  command
    .command('cancel')
    .description('Cancel messages, also those that the agent works on')
    .argument('<id...>')
    .action((ids: string[], options: GlobalOptions) => change(ids, 'cancel', options, cli));
  examples(
    command,
    ['Watch the messages of an agent', 'agentctl messages get --agent=coder -w'],
    [
      'List failed messages, and send one again',
      'agentctl messages get --state=failed\nagentctl messages retry m-x7k2p',
    ],
    ['Show what the agent did', 'agentctl messages describe m-x7k2p'],
  );
}
