import type { Command, Option } from 'commander';
import type { Cli } from './cli.ts';
import { UsageError } from './failure.ts';
import { addGlobalOptions } from './global-options.ts';
import { table } from './print/text-table.ts';
import { verbs } from './verbs.ts';

/** Uses only the list of verbs: none of their files is loaded. */
export function topHelp(program: Command, cli: Cli, rest: readonly string[]): void {
  const wrong = rest.find((word) => word.startsWith('-') && !['-h', '--help', '--debug'].includes(word));
  if (wrong !== undefined)
    throw new UsageError(`unknown option ${wrong}, and no command. See 'agentctl --help'.`);
  addGlobalOptions(program).usage('<command> [options]');
  const [usage = '', options = ''] = program.helpInformation().split(/(?=^Global options:)/m);
  const groups = [...Map.groupBy(verbs, ({ group }) => group)].map(
    ([group, members]) =>
      `${group}\n${table(
        members.map(({ name, summary }) => [name, summary]),
        { indent: '  ' },
      )}`,
  );
  cli.out(`Run AI agents as their manifests describe, and keep them running.

${usage}${groups.join('\n')}
${options}
Begin with:
  agentctl init
  agentctl apply -f agents.yaml
  agentctl get agents

Run 'agentctl <command> --help' for more about a command, and 'agentctl help exit-codes' for exit codes.
`);
}

/** Returns the description of an option, its values, and its default. */
export function optionDescription({
  description,
  argChoices,
  defaultValue,
  defaultValueDescription,
}: Option): string {
  const byDefault = defaultValueDescription ?? (typeof defaultValue === 'string' ? defaultValue : undefined);
  const notes = [
    ...(argChoices === undefined ? [] : [argChoices.join(', ')]),
    ...(byDefault === undefined ? [] : [`default ${byDefault}`]),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`;
}
