import type { Command } from 'commander';
import { isApiError } from '../../api/errors.ts';
import { kindInfo } from '../../api/kinds.ts';
import { formatManifestError, parseManifests } from '../../api/manifest.ts';
import { type Agent, keyOf, type New, type ObjectKey, withoutServerFields } from '../../api/objects.ts';
import { type ProtocolName, protocolNames } from '../../api/protocols.ts';
import { listed } from '../../api/text.ts';
import { deleted, type Reason, readyAtOnce } from '../../views/judges.ts';
import { until } from '../../views/until.ts';
import { fieldManager } from '../changing.ts';
import type { Cli, Client, GlobalOptions } from '../cli.ts';
import { keptVolumes, printKeptVolumes } from '../deletion-effects.ts';
import { CliError, exitCode, failureText, UsageError } from '../failure.ts';
import { choice, collect, duration, durationOption, examples, namespaceOf } from '../flags.ts';
import { withoutCommands } from '../message-output.ts';
import { progress } from '../print/progress-lines.ts';
import { readSources } from '../read-manifests.ts';
import { reasonText } from '../wait-report.ts';
import { hear, sendOne, textToSend } from './send.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Start an agent, send it one prompt, and print the answer as it comes. With --rm, delete the agent afterwards, even after a failure or Ctrl-C.',
    )
    .usage('[NAME] --rm (-f FILE | --image IMAGE | -- COMMAND ARGS...) --prompt TEXT')
    .argument('[name...]', "the agent's name (default: the name in the file, or a generated one)")
    .option('--rm', 'delete the agent afterwards')
    .option('-f, --filename <file>', 'a manifest with the agent, or - for standard input')
    .option('--prompt <text>', 'the text (default: read standard input)')
    .option('--image <image>', 'the container image to run')
    .addOption(choice('--protocol <name>', 'the protocol of the agent (default acp)', protocolNames))
    .option('--model <name>', 'the model, by the name that the agent uses')
    .option('--env <name=value>', 'set an environment variable; can be repeated', collect)
    .option('--runtime <name>', 'the Runtime to run it on')
    .addOption(
      choice('--permissions <action>', 'what to do when the agent wants to use a tool', [
        'allow',
        'deny',
        'ask',
      ]),
    )
    .option('--timeout <duration>', 'cancel the message after this long', duration('--timeout'))
    .option('--raw', 'print the answer unchanged, with control characters')
    .addOption(
      durationOption(
        '--ready-timeout <duration>',
        'time out if the agent is not Ready after this long',
        '2m',
      ),
    )
    .action((operands: string[], options: OneoffOptions) => {
      const { names, rest } = parted(command, operands);
      if (names.length > 1) {
        throw new UsageError(
          `found ${names.join(' ')}, expected one name. Write the command after --, and the prompt after --prompt`,
        );
      }
      return oneoff(names[0], rest, options, cli);
    });
  examples(
    command,
    ['Run an agent from a manifest', 'agentctl run --rm -f opencode.yaml --prompt "What is in this folder?"'],
    ['A program on this host', 'agentctl run --rm --prompt "Hello" -- opencode acp'],
    ['In a container', 'cat question.md | agentctl run --rm --image my/agent --protocol jsonl'],
  );
}

/** The words after `--` are the command. Commander does not keep the position of `--`, except in the original words. */
function parted(command: Command, operands: readonly string[]): { names: string[]; rest: string[] } {
  const words = command.parent?.args ?? [];
  const dash = words.indexOf('--');
  const count = dash === -1 ? 0 : words.length - dash - 1;
  const names = operands.slice(0, operands.length - count);
  return { names, rest: operands.slice(names.length) };
}

export interface OneoffOptions extends AgentOptions {
  rm?: boolean;
  prompt?: string;
  raw?: boolean;
  timeout?: number;
  readyTimeout: number;
}

/** How long the end of the deletion is waited for; the controller finishes it in any case. */
const goneLimitMs = 60_000;

/**
 * Creates an agent, sends it one prompt, prints the answer as it arrives, and with --rm removes the agent, whatever the
 * result.
 */
export async function oneoff(
  name: string | undefined,
  command: readonly string[],
  options: OneoffOptions,
  cli: Cli,
): Promise<void> {
  const agent = await agentToRun(name, command, options, cli);
  const text = await textToSend(
    options.prompt === undefined ? [] : [options.prompt],
    undefined,
    cli,
    'with --prompt TEXT, or on standard input',
  );
  const { signal } = cli; // from here on, Ctrl-C and SIGTERM request an orderly end
  const client = await cli.connect(options, { start: true });
  const made = await create(client, agent);
  const key = keyOf(made);
  try {
    if (!(await isReady(client, key, options, cli))) return;
    const message = await sendOne(client, key, { text, from: cli.user(), timeout: options.timeout });
    await hear(client, message, { stream: true, raw: options.raw, removed: options.rm === true }, cli);
  } finally {
    if (options.rm === true) await remove(client, key, signal, cli);
    else
      cli.err(
        `agent/${key.name} keeps running. Continue: agentctl chat ${key.name} --continue. Delete it: agentctl delete agent ${key.name}\n`,
      );
  }
}

/** An existing agent belongs to someone, and must not be removed after the answer. */
async function create(client: Client, agent: New<Agent>): Promise<Agent> {
  try {
    return await client.create('Agent', agent, { fieldManager, fieldValidation: 'Strict' });
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
    const { name } = agent.metadata;
    if (/^object is being deleted/.test(error.message))
      throw new CliError(
        `agent/${name} is being deleted. Wait for it: agentctl wait agent ${name} --for=delete`,
        { cause: error },
      );
    throw new CliError(
      `agent/${name} already exists. Chat with it: agentctl chat ${name}. To run another one, give it another name: agentctl run NAME`,
      { cause: error },
    );
  }
}

async function isReady(
  client: Client,
  key: ObjectKey,
  { readyTimeout: timeout, rm }: OneoffOptions,
  cli: Cli,
): Promise<boolean> {
  const line = progress(cli);
  const { clock, signal } = cli;
  const onPending = (why: Reason): void => line.show(`agent/${key.name}: ${reasonText(why)}`);
  const outcome = await until(client, { info: kindInfo('Agent'), key }, readyAtOnce, {
    timeout,
    clock,
    signal,
    onPending,
  });
  line.clear();
  if (signal.aborted) return false;
  if (outcome.result === 'met') return true;
  const what = outcome.result === 'never' ? 'cannot run' : `was not Ready within ${timeout / 1000}s`;
  const why = reasonText(outcome.why);
  cli.err(`error: agent/${key.name} ${what}: ${rm === true ? withoutCommands(why) : why}\n`);
  cli.exitCode = exitCode.failed;
  return false;
}

/** Never throws: the caller must see the earlier error. */
async function remove(client: Client, key: ObjectKey, interrupted: AbortSignal, cli: Cli): Promise<void> {
  const line = progress(cli);
  try {
    const volumes = await keptVolumes(client, key, cli);
    await client.delete('Agent', key);
    if (!interrupted.aborted) {
      line.show(`deleting agent/${key.name}`);
      const how = { timeout: goneLimitMs, clock: cli.clock, signal: interrupted };
      const outcome = await until(client, { info: kindInfo('Agent'), key }, deleted, how);
      line.clear();
      if (outcome.result !== 'met') cli.err(`agent/${key.name} is still being deleted\n`);
    }
    printKeptVolumes({ key }, volumes, cli);
  } catch (error) {
    line.clear();
    cli.err(
      `error: agent/${key.name} could not be deleted: ${failureText(error)}. Try again: agentctl delete agent ${key.name}\n`,
    );
    if (cli.exitCode === exitCode.ok) cli.exitCode = exitCode.failed;
  }
}

export interface AgentOptions extends GlobalOptions {
  filename?: string;
  image?: string;
  protocol?: ProtocolName;
  model?: string;
  env?: string[];
  runtime?: string;
  permissions?: 'allow' | 'deny' | 'ask';
}

/** Returns the Agent that a file or the flags describe, with `name` or a generated name. */
export async function agentToRun(
  name: string | undefined,
  command: readonly string[],
  options: AgentOptions,
  cli: Cli,
): Promise<New<Agent>> {
  const found =
    options.filename === undefined ? fromFlags(command, options) : await fromFile(command, options, cli);
  if (found.spec?.protocol === undefined || found.spec.protocol === 'none') {
    throw new CliError(`this agent has no protocol: set spec.protocol to ${protocolNames.join(' or ')}`);
  }
  const { name: own, generateName = 'run-', ...metadata } = found.metadata;
  const namespace = metadata.namespace ?? namespaceOf(options, cli.environment);
  const called = name ?? own;
  return {
    ...found,
    metadata: { ...metadata, namespace, ...(called === undefined ? { generateName } : { name: called }) },
  };
}

const agentFlags = ['image', 'protocol', 'model', 'env', 'runtime', 'permissions'] as const;

async function fromFile(command: readonly string[], options: AgentOptions, cli: Cli): Promise<New<Agent>> {
  const flag = agentFlags.find((each) => options[each] !== undefined);
  if (flag !== undefined || command.length > 0) {
    throw new UsageError(
      `-f cannot be combined with ${flag === undefined ? 'the command' : `--${flag}`}, or -f`,
    );
  }
  const sources = await readSources({ filename: [options.filename ?? '-'] }, cli);
  const { documents, errors } = parseManifests(sources, { namespace: namespaceOf(options, cli.environment) });
  if (errors.length > 0) throw new CliError(errors.map(formatManifestError).join('\nerror: '));
  const [first, ...more] = documents;
  if (first?.info.kind !== 'Agent' || more.length > 0) {
    throw new CliError(
      `${options.filename}: found ${listed(documents.map(({ info }) => info.kind)) || 'nothing'}, expected one Agent. Apply other objects first: agentctl apply -f`,
    );
  }
  return withoutServerFields(first.object as New<Agent>).object; // validated as that kind
}

function fromFlags(command: readonly string[], options: AgentOptions): New<Agent> {
  const { image, protocol = 'acp', model, runtime, permissions } = options;
  if (image === undefined && command.length === 0) {
    throw new UsageError(
      'specify what to run: -f FILE, --image IMAGE, or -- COMMAND ARGS... as a process of this host',
    );
  }
  return {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Agent',
    metadata: {},
    spec: {
      protocol,
      ...(model === undefined ? {} : { model }),
      ...(runtime === undefined ? {} : { runtimeRef: { name: runtime } }),
      ...(permissions === undefined ? {} : { permissions: { default: actions[permissions] } }),
      // It is started once: its end is reported, and it is not restarted.
      policy: { restart: { on: 'Never' } },
      template: {
        ...(image === undefined ? {} : { image }),
        ...(command.length === 0 ? {} : { command: [...command] }),
        ...(options.env === undefined ? {} : { env: options.env.map(variable) }),
      },
    },
  };
}

const actions = { allow: 'Allow', deny: 'Deny', ask: 'Ask' } as const;

function variable(text: string): { name: string; value: string } {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError(`--env: found ${JSON.stringify(text)}, expected NAME=value`);
  }
  return { name, value };
}
