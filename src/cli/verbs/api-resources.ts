import type { Command } from 'commander';
import { kinds } from '../../api/kinds.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { choice, examples } from '../flags.ts';
import { table } from '../print/text-table.ts';

interface Options extends GlobalOptions {
  headers: boolean;
  output?: 'name';
}

export function define(command: Command, cli: Cli): void {
  command
    .description('List the kinds of objects. This needs no controller.')
    .option('--no-headers', 'print no header line')
    .addOption(choice('-o, --output <format>', 'the output format', ['name']))
    .action(({ headers, output }: Options) => {
      const sorted = kinds.toSorted((a, b) => (a.apiVersion + a.plural < b.apiVersion + b.plural ? -1 : 1));
      if (output === 'name') {
        return cli.out(
          sorted
            .map(({ plural, group }) => `${[plural, group].filter((part) => part !== '').join('.')}\n`)
            .join(''),
        );
      }
      const rows = sorted.map(({ plural, shortNames, apiVersion, namespaced, kind }) => [
        plural,
        shortNames.join(','),
        apiVersion,
        String(namespaced),
        kind,
      ]);
      cli.out(table(headers ? [['NAME', 'SHORTNAMES', 'APIVERSION', 'NAMESPACED', 'KIND'], ...rows] : rows));
    });
  examples(command, ['List the kinds and their short names', 'agentctl api-resources']);
}
