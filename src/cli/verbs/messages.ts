import type { Command } from 'commander';
import { kindInfo } from '../../api/kinds.ts';
import type { Kind } from '../../api/objects.ts';
import { fieldSelector } from '../../views/lookup.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { UsageError } from '../failure.ts';
import { choice, examples } from '../flags.ts';
import { type GetOptions, printFailures, withGetFlags } from '../get-tables.ts';
import { agentKey, idKey, objectName } from '../targets.ts';
import { type DescribeOptions, describe } from './describe.ts';
import { get } from './get.ts';
import { hear } from './send.ts';

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

const words = { retry: 'is pending again', cancel: 'cancelled' } as const;

export async function change(
  ids: readonly string[],
  what: 'retry' | 'cancel',
  options: GlobalOptions,
  cli: Cli,
): Promise<void> {
  const keys = ids.map((id) => idKey(id, 'Message', options, cli));
  const client = await cli.connect(options, { start: true });
  const failures: unknown[] = [];
  for (const key of keys) {
    try {
      await client.change(key, what);
      cli.out(`${objectName(kindInfo('Message'), key.name)} ${words[what]}\n`);
    } catch (error) {
      failures.push(error);
    }
  }
  printFailures(failures, cli);
}

export interface TalkGetOptions extends GetOptions {
  agent?: string;
  state?: string;
}

/** Like `get` of that kind, with flags for common requests. */
export function getTalk(
  kind: Kind,
  plural: string,
  words: readonly string[],
  { agent, state, ...options }: TalkGetOptions,
  cli: Cli,
): Promise<void> {
  const asked = fieldSelector({
    'spec.agentRef.name': agent === undefined ? undefined : agentKey(agent, options, cli).name,
    'status.state':
      state === undefined ? undefined : state.charAt(0).toUpperCase() + state.slice(1).toLowerCase(),
  });
  if (words.length > 0 && asked !== undefined) {
    throw new UsageError('an id cannot be combined with --agent and --state; omit one of them');
  }
  const selectors = [options.fieldSelector, asked].filter((part) => part !== undefined);
  const names = words.map((word) => idKey(word, kind, options, cli).name);
  return get(
    [plural, ...names],
    selectors.length === 0 ? options : { ...options, fieldSelector: selectors.join(',') },
    cli,
  );
}
