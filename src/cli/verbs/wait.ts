import { type Command, Option } from 'commander';
import { isApiError } from '../../api/errors.ts';
import { parallel } from '../../client/write-objects.ts';
import { condition, created, deleted, field, type Judge, revisionApplied } from '../../views/judges.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, exitCode, UsageError } from '../failure.ts';
import { duration, examples } from '../flags.ts';
import { parsePath } from '../print/jsonpath-output.ts';
import { type Selected, type SelectOptions, select } from '../select-objects.ts';
import { parseAgentTargets } from '../targets.ts';
import { reportWaits } from '../wait-report.ts';

interface WaitOptions extends SelectOptions {
  for: string;
  timeout: number;
}

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Wait until objects meet a condition. The exit code is 0 when they do, 1 after the timeout, and 2 as soon as the condition can no longer be met.',
    )
    .argument('<kind/name...>', 'such as agent/web, agent web, or agents')
    .requiredOption(
      '--for <what>',
      "condition=Ready[=False], delete, create, jsonpath='{.status.phase}'=Ready, or for a sync revision=SHA",
    )
    .addOption(
      new Option(
        '--timeout <duration>',
        'time out after this long; 0s checks once, a negative duration waits for a week',
      )
        .argParser(timeout)
        .default(30_000, '30s'),
    )
    .option('-l, --selector <labels>', 'select objects with these labels')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option('--all', 'select all objects of the kind')
    .action((words: string[], options: WaitOptions) => wait(words, options, cli));
  examples(
    command,
    ['Wait until an agent is Ready', 'agentctl wait agent/web --for=condition=Ready --timeout=60s'],
    ['Wait until it is deleted', 'agentctl wait agent/web --for=delete'],
    ['Wait until a field has a value', "agentctl wait agent/web --for=jsonpath='{.status.phase}'=Completed"],
    [
      'Wait until a commit is applied',
      'agentctl wait sync/fleet --for=revision=$(git rev-parse HEAD) --timeout=5m',
    ],
  );
}

const week = 7 * 24 * 3600 * 1000;
const timeout = (text: string): number => (text.startsWith('-') ? week : duration('--timeout')(text));

async function wait(words: readonly string[], options: WaitOptions, cli: Cli): Promise<void> {
  const judge = parseFor(options.for);
  const targets = parseAgentTargets(words, options);
  if (options.for.startsWith('revision=') && targets.some(({ info }) => info.kind !== 'Sync'))
    throw new UsageError('--for=revision is for syncs: agentctl wait sync/fleet --for=revision=3f1c2a90');
  const client = await cli.connect(options);
  const selected = await select(client, targets, options, cli);
  if (selected.length === 0) throw new CliError('no matching resources found');
  // Objects from a list are known to exist.
  const isNamed = targets.some(({ name }) => name !== undefined);
  if (isNamed && options.for !== 'create' && options.for !== 'delete') await refuseUnknown(client, selected);
  cli.exitCode = await reportWaits(client, selected, judge, 'condition met', options.timeout, cli);
}

/**
 * As in kubectl, an object that does not exist at the beginning is an error, except for a deletion, which is then
 * finished.
 */
async function refuseUnknown(client: Client, selected: readonly Selected[]): Promise<void> {
  for (const result of await parallel(selected, 16, ({ info, key }) => client.get(info.kind, key))) {
    if (result.status === 'fulfilled') continue;
    const { reason } = result;
    throw isApiError(reason, 'NotFound')
      ? new CliError(reason.message, { exitCode: exitCode.unmet, cause: reason })
      : reason;
  }
}

/** Parses --for: `delete`, `create`, `condition=Ready[=False]`, `jsonpath={.path}[=value]`, `revision=SHA`. */
function parseFor(text: string): Judge {
  if (text === 'delete') return deleted;
  if (text === 'create') return created;
  const [, kind, rest = ''] = /^(condition|jsonpath|revision)=(.*)$/s.exec(text) ?? [];
  if (kind === 'condition' && rest !== '') {
    const [, type = rest, status = 'True'] = /^([^=]+)=(.*)$/.exec(rest) ?? [];
    return condition(type, status);
  }
  if (kind === 'jsonpath' && rest !== '') {
    const [, path = rest, wanted] = /^'?(\{[^}]*\}|[^=]+?)'?(?:={1,2}(.*))?$/s.exec(rest) ?? [];
    return field(path, parsePath(path), wanted);
  }
  if (kind === 'revision') return revisionApplied(parseRevision(rest));
  throw new UsageError(
    `--for: found ${JSON.stringify(text)}, expected condition=Ready, condition=Ready=False, delete, create, jsonpath='{.status.phase}'=Ready, or revision=SHA of a sync`,
  );
}

/** Parses the beginning of a commit's id, or of a folder's hash. */
function parseRevision(text: string): string {
  const wanted = text.toLowerCase();
  if (/^(sha256:)?[0-9a-f]{7,64}$/.test(wanted)) return wanted;
  throw new UsageError(
    `--for=revision: found ${JSON.stringify(text)}, expected a commit of at least 7 hexadecimal digits, or sha256:DIGITS for a folder`,
  );
}
