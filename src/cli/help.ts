import type { Command, Option } from 'commander';
import type { Cli } from './cli.ts';
import { UsageError } from './failure.ts';
import { addGlobalOptions } from './flags.ts';
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

/** `agentctl help <topic>`. */
export const topics: Readonly<Record<string, string>> = {
  'exit-codes': `Exit codes, for scripts:

  0    success
  1    failure; the message on standard error gives the reason
  3    the controller cannot be reached ('agentctl controller start' starts one)
  64   the command line is invalid: an unknown command, kind or option, or an invalid value
  130  interrupted by Ctrl-C; 0 where Ctrl-C is the usual way to quit: serve, apply --watch

  diff
  0    there are no differences
  1    there are differences
  2+   failure, or the revision of the sync would be refused (3 and 64 as above)

  sync
  0    the newest revision is applied
  1    it could not be applied, or not within --timeout; the message gives the reason
  2    the sync was deleted in the meantime

  wait, apply --wait, delete --wait, rollout status
  0    the condition is met
  1    the condition was not met within --timeout
  2    the condition can no longer be met; the message gives the reason

  send --wait, send --stream, messages follow, run
  0    the message is completed; the answer is on standard output
  1    the message failed or expired; the message on standard error gives the reason
  4    the agent ended its turn without a whole answer (Refusal, MaxTokens,
       MaxTurnRequests, EmptyAnswer); what it said is on standard output

  controller status (as systemctl status)
  0    the controller runs
  3    the controller does not run
`,
};
