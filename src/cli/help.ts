import type { Command, Option } from 'commander';
import type { Cli } from './cli.ts';
import { UsageError } from './failure.ts';
import { addGlobalOptions } from './options.ts';
import { table } from './print/table.ts';
import { verbs } from './verbs.ts';

/** From the list of verbs alone: none of their files is loaded. */
export function topHelp(program: Command, cli: Cli, rest: readonly string[]): void {
  const wrong = rest.find((word) => word.startsWith('-') && !['-h', '--help', '--debug'].includes(word));
  if (wrong !== undefined) throw new UsageError(`unknown flag ${wrong}, and no verb. See 'agentctl --help'.`);
  addGlobalOptions(program).usage('<verb> [flags]');
  const [usage = '', options = ''] = program.helpInformation().split(/(?=^Global options:)/m);
  const groups = [...Map.groupBy(verbs, ({ group }) => group)].map(
    ([group, members]) =>
      `${group}\n${table(
        members.map(({ name, summary }) => [name, summary]),
        { indent: '  ' },
      )}`,
  );
  cli.out(`Keeps AI agents running as their manifests say.

${usage}${groups.join('\n')}
${options}
Begin with:
  agentctl init
  agentctl apply -f agents.yaml
  agentctl get agents

See 'agentctl <verb> --help' for a verb, 'agentctl help exit-codes' for exit codes.
`);
}

/** What it does, what it takes, and its default. */
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
