import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { choice, examples, fileFlags } from '../flags.ts';
import { type FileOptions, readManifests } from '../read-manifests.ts';

export function define(command: Command, cli: Cli): void {
  fileFlags(
    command.description(
      'Show what the controller would do if these manifests were applied. Nothing is changed.',
    ),
  )
    .addOption(choice('-o, --output <format>', 'the output format', ['json']))
    .action((options: FileOptions & { output?: 'json' }) => plan(options, cli));
  examples(command, ['Before an apply', 'agentctl plan -f agents.yaml']);
}

async function plan(options: FileOptions & { output?: 'json' }, cli: Cli): Promise<void> {
  const manifests = await readManifests(options, cli);
  const client = await cli.connect(options);
  const plans = await client.plan(manifests.map(({ object }) => object));
  if (options.output === 'json') return cli.out(`${JSON.stringify(plans, null, 2)}\n`);
  if (plans.every(({ text }) => text === '')) cli.out('Nothing to do: no agent would change.\n');
  for (const { agent, text } of plans) {
    if (text === '') continue;
    const namespace =
      agent.namespace === undefined || agent.namespace === 'default' ? '' : ` (${agent.namespace})`;
    cli.out(`agent ${agent.name}${namespace}:\n${text.trimEnd().replace(/^/gm, '  ')}\n`);
  }
}
