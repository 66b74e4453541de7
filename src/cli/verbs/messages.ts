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
  command.description('Look after messages to agents. They are kept for a day after they have ended.');
  withGetFlags(command.command('get').description('List messages').argument('[id...]', 'only these'))
    .option('--agent <name>', 'only to this agent')
    .addOption(choice('--state <state>', 'only in this state', states))
    .action((ids: string[], options: TalkGetOptions) => getTalk('Message', 'messages', ids, options, cli));
  command
    .command('describe')
    .description('Tell all of a message: what was said, what the agent did, and its answer')
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
    .description('Print the answer from its beginning and as it comes, until it ends; exit codes as send')
    .argument('<id>')
    .addOption(choice('-o, --output <format>', 'json: a line an event', ['json']))
    .option('--raw', 'print the answer as it is, control characters too')
    .action(async (id: string, options: GlobalOptions & { output?: 'json'; raw?: boolean }) => {
      const key = idKey(id, 'Message', options, cli);
      const client = await cli.connect(options);
      await hear(client, await client.get('Message', key), { ...options, stream: true }, cli);
    });
  command
    .command('retry')
    .description('Send messages that failed or expired once more')
    .argument('<id...>')
    .action((ids: string[], options: GlobalOptions) => change(ids, 'retry', options, cli));
  command
    .command('cancel')
    .description('Break messages off; the agent is told where it has begun')
    .argument('<id...>')
    .action((ids: string[], options: GlobalOptions) => change(ids, 'cancel', options, cli));
  examples(
    command,
    ['What an agent has to do, as it changes', 'agentctl messages get --agent=coder -w'],
    [
      'Dead letters, and one of them once more',
      'agentctl messages get --state=failed\nagentctl messages retry m-x7k2p',
    ],
    ['What happened in a turn', 'agentctl messages describe m-x7k2p'],
  );
}
