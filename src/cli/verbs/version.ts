import type { Command } from 'commander';
import { UnreachableError } from '../../api/errors.ts';
import { version as clientVersion } from '../../daemon/own-program.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { choice, examples } from '../flags.ts';
import { yamlText } from '../print/output-format.ts';

interface VersionOptions extends GlobalOptions {
  client?: boolean;
  output?: 'json' | 'yaml';
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--client', 'show only the version of this program')
    .addOption(choice('-o, --output <format>', 'the output format', ['json', 'yaml']))
    .action((options: VersionOptions) => version(options, cli));
  examples(command, ['As JSON, for a script', 'agentctl version -o json']);
}

async function version(options: VersionOptions, cli: Cli): Promise<void> {
  const server = options.client === true ? undefined : await serverVersion(options, cli);
  const versions = {
    clientVersion: {
      version: clientVersion,
      node: process.version,
      platform: `${process.platform}/${process.arch}`,
    },
    ...(server === undefined ? {} : { serverVersion: { version: server } }),
  };
  if (options.output === 'json') return cli.out(`${JSON.stringify(versions, null, 2)}\n`);
  if (options.output === 'yaml') return cli.out(await yamlText(versions));
  cli.out(`Client Version: ${clientVersion}\n`);
  if (options.client !== true) cli.out(`Server Version: ${server ?? 'none (no controller runs)'}\n`);
}

async function serverVersion(options: VersionOptions, cli: Cli): Promise<string | undefined> {
  const client = await cli.connect(options);
  try {
    return (await client.status()).version;
  } catch (error) {
    if (error instanceof UnreachableError) return undefined;
    throw error;
  }
}
