import type { Command } from 'commander';
import type { ObjectKey } from '../../api/objects.ts';
import { costText, reported } from '../../api/requests.ts';
import { humanDuration } from '../../api/time.ts';
import type { AgentUsage, UsageSum } from '../../client/streams.ts';
import { parallel } from '../../client/write-objects.ts';
import type { Cli, Client, GlobalOptions } from '../cli.ts';
import { choice, durationOption, examples, namespaceOf } from '../flags.ts';
import { table } from '../print/text-table.ts';
import { agentKey } from '../targets.ts';

const atOnce = 8;

interface UsageOptions extends GlobalOptions {
  since: number;
  output?: 'json';
  allNamespaces?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Show tokens and cost of agents by model, as the agents report them. ? means unknown; 1200+? means 1200 plus turns that reported nothing. Usage is kept for 90 days.',
    )
    .argument('[agent...]', 'web or agent/web (default: all agents, deleted ones too)')
    .addOption(durationOption('--since <duration>', 'only turns that ended within this time', '24h'))
    .option('-A, --all-namespaces', 'in all namespaces')
    .addOption(choice('-o, --output <format>', 'the output format', ['json']))
    .action((names: string[], options: UsageOptions) => usage(names, options, cli));
  examples(
    command,
    ['All agents, last 24 hours', 'agentctl usage'],
    ['One agent, last 30 days', 'agentctl usage web --since=30d'],
    ['The sum of all tokens, for a script', "agentctl usage -A -o json | jq '[.[].totalTokens] | add'"],
  );
}

async function usage(names: readonly string[], options: UsageOptions, cli: Cli): Promise<void> {
  const named = names.map((name) => agentKey(name, options, cli));
  const client = await cli.connect(options);
  const since = cli.clock.now() - options.since;
  const namespace = options.allNamespaces === true ? undefined : namespaceOf(options, cli.environment);
  const all =
    named.length === 0
      ? await client.usageByAgent({ namespace, since })
      : await usageOf(client, named, since);
  if (options.output === 'json') return cli.out(`${JSON.stringify(all, null, 2)}\n`);
  if (all.length === 0) return cli.err(`No turns in the last ${humanDuration(options.since)}.\n`);
  const place = (namespace: string, agent: string): string[] =>
    options.allNamespaces === true ? [namespace, agent] : [agent];
  const rows = all.map((sum) => [...place(sum.namespace, sum.agent), ...usageCells(sum)]);
  cli.out(table([[...place('NAMESPACE', 'AGENT'), ...usageHead], ...rows]));
}

async function usageOf(client: Client, agents: readonly ObjectKey[], since: number): Promise<AgentUsage[]> {
  const answers = await parallel(agents, atOnce, (agent) => client.usage(agent, { since }));
  return answers.flatMap((answer) => {
    if (answer.status === 'rejected') throw answer.reason;
    return answer.value;
  });
}

export const usageHead = ['MODEL', 'TURNS', 'IN', 'OUT', 'TOTAL', 'COST'];

/** Unknown values are never shown as 0. */
export function usageCells({ model, turns, cost, unreported, ...tokens }: UsageSum): string[] {
  return [
    model ?? '?',
    String(turns),
    reported(tokens.inputTokens, unreported.inputTokens),
    reported(tokens.outputTokens, unreported.outputTokens),
    reported(tokens.totalTokens, unreported.totalTokens),
    reported(costText(cost), unreported.cost),
  ];
}
