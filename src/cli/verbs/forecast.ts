import type { Command } from 'commander';
import { humanDuration } from '../../api/time.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { UsageError } from '../failure.ts';
import { choice, durationOption, examples, namespaceOf } from '../flags.ts';
import { when } from '../print/shown.ts';
import { table } from '../print/text-table.ts';
import { parseAgentTargets } from '../targets.ts';

interface ForecastOptions extends GlobalOptions {
  until: number;
  output?: 'json';
}

const mostRows = 50;

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Show what will happen to an agent, and when: scheduled restarts and prompts, and restarts after a backoff.',
    )
    .argument('<agent>', 'web or agent/web')
    .addOption(durationOption('--until <duration>', 'how far to look ahead', '168h'))
    .addOption(choice('-o, --output <format>', 'the output format', ['json']))
    .action((name: string, options: ForecastOptions) => forecast(name, options, cli));
  examples(
    command,
    ['The next week', 'agentctl forecast web'],
    ['The next two months', 'agentctl forecast web --until=1440h'],
  );
}

async function forecast(name: string, options: ForecastOptions, cli: Cli): Promise<void> {
  const [target] = parseAgentTargets([name]);
  if (target?.name === undefined || target.info.kind !== 'Agent') {
    throw new UsageError(`found ${JSON.stringify(name)}, expected an agent: agentctl forecast web`);
  }
  const now = cli.clock.now();
  const client = await cli.connect(options);
  const key = { namespace: namespaceOf(options, cli.environment), name: target.name };
  const entries = await client.forecast(key, { until: now + options.until });
  if (options.output === 'json') return cli.out(`${JSON.stringify(entries, null, 2)}\n`);
  if (entries.length === 0) {
    return cli.out(`Nothing is scheduled for agent ${target.name} within ${humanDuration(options.until)}.\n`);
  }
  const rows = entries.map(({ at, what, instance = '', message }) => [
    when(at),
    humanDuration(Math.max(0, at - now)),
    what,
    instance,
    message,
  ]);
  cli.out(table([['WHEN', 'IN', 'WHAT', 'INSTANCE', 'WHY'], ...rows.slice(0, mostRows)]));
  const more = rows.length - mostRows;
  if (more > 0)
    cli.err(
      `${more} more within ${humanDuration(options.until)}: use a shorter --until, or -o json to see all\n`,
    );
}
