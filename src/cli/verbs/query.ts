import type { Command } from 'commander';
import { protocolsThat } from '../../api/protocols.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { UsageError } from '../failure.ts';
import { durationOption, examples } from '../flags.ts';
import { agentKey } from '../targets.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      `Send a query to a Ready instance of an agent and print its answer as JSON. The query is not stored. Only agents with the protocol ${protocolsThat('queries')} answer queries.`,
    )
    .argument('<agent>', 'web or agent/web')
    .argument('<action>', 'the name of the query, as the agent defines it')
    .argument('[params]', 'parameters of the query, as JSON')
    .addOption(durationOption('--timeout <duration>', 'time out after this long', '30s'))
    .action(
      (
        agent: string,
        action: string,
        params: string | undefined,
        options: GlobalOptions & { timeout: number },
      ) => query(agent, action, params, options, cli),
    );
  examples(
    command,
    ['Ask for the status', 'agentctl query worker status'],
    ['Ask with parameters', `agentctl query worker history '{"limit": 5}'`],
  );
}

async function query(
  word: string,
  action: string,
  params: string | undefined,
  options: GlobalOptions & { timeout: number },
  cli: Cli,
): Promise<void> {
  const agent = agentKey(word, options, cli);
  const given = params === undefined ? {} : { params: parse(params) };
  const client = await cli.connect(options);
  const answer = await client.query(agent, { action, ...given, timeout: options.timeout });
  cli.out(`${JSON.stringify(answer ?? null, null, 2)}\n`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`found ${JSON.stringify(text)}, expected JSON: ${why}`);
  }
}
