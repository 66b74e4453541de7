import http from 'node:http';
import readline from 'node:readline';
import type { Command } from 'commander';
import { fleetOf } from '../../client/fleet.ts';
import { bridge, mcpAccess } from '../../platform/mcp-bridge.ts';
import { inPlace } from '../../sources/parsing/parser.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { examples, namespaceOf } from '../flags.ts';
import { serveMcp } from '../mcp/mcp-start.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Offer the agents of a namespace as tools to an editor or another agent, with the Model Context Protocol (MCP) over standard input and output.',
    )
    .option('--manage', 'also offer tools that apply, start, stop and delete agents')
    .action(async (options: GlobalOptions & { manage?: boolean }) => {
      const { [mcpAccess.url]: url, [mcpAccess.token]: token } = cli.environment;
      if (url !== undefined && token !== undefined) return bridge({ http, readline }, { url, token });
      const client = await cli.connect(options, { start: true });
      const namespace = namespaceOf(options, cli.environment);
      const fleet = fleetOf({
        resources: client,
        streams: client,
        parser: inPlace,
        namespace,
        user: cli.user(),
      });
      await serveMcp(fleet, options.manage === true, cli.signal);
    });
  examples(
    command,
    ['Add the tools to Claude Code', 'claude mcp add agentctl -- agentctl mcp'],
    [
      'Add the tools to the configuration of an editor',
      '{"mcpServers": {"agentctl": {"command": "agentctl", "args": ["mcp", "-n", "team"]}}}',
    ],
  );
}
