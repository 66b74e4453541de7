import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { type McpOptions, serveMcp } from '../mcp/serve.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Offer the agents of a namespace as tools to an editor or an agent of your own: the Model Context Protocol over standard input and output.',
    )
    .option('--manage', 'also tools that apply, start, stop and remove agents')
    .action((options: McpOptions) => serveMcp(options, cli));
  examples(
    command,
    ['For Claude Code', 'claude mcp add agentctl -- agentctl mcp'],
    [
      'In the configuration of an editor',
      '{"mcpServers": {"agentctl": {"command": "agentctl", "args": ["mcp", "-n", "team"]}}}',
    ],
  );
}
