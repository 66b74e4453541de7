import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { kindInfo } from '../../api/kinds.ts';
import { keyOf, type Message, type ObjectKey } from '../../api/objects.ts';
import type { NewMessage } from '../../client/streams.ts';
import { newestConversation } from '../../views/lookup.ts';
import type { Cli, Client, GlobalOptions } from '../cli.ts';
import { CliError, exitCode, UsageError } from '../failure.ts';
import { choice, duration, examples } from '../flags.ts';
import { goesOnText, outcomeCode, outcomeText, voice } from '../message-output.ts';
import { agentKey, fromUser, idKey, objectName } from '../targets.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Send a message to an agent. The message is kept until it is answered, even if the agent sleeps, crashes or is replaced.',
    )
    .argument('<agent>', 'web or agent/web')
    .argument('[text...]', 'the text (default: read standard input)')
    .option('-f, --filename <file>', 'a file with the text, or - for standard input')
    .option('--conversation <id>', 'continue this conversation (default: begin a new one)')
    .option('--continue', 'continue your latest conversation with this agent')
    .option(
      '--key <key>',
      'an idempotency key: a message that is sent again with the same key is delivered once',
    )
    .option('--timeout <duration>', 'cancel the message after this long', duration('--timeout'))
    .option('--wait', 'wait for the answer and print it')
    .option('--stream', 'print the answer as it comes')
    .option('--raw', 'print the answer unchanged, with control characters')
    .addOption(
      choice('-o, --output <format>', 'the output format; with --stream, json prints one event per line', [
        'json',
        'name',
      ]),
    )
    .action((agent: string, words: string[], options: SendOptions) => send(agent, words, options, cli));
  examples(
    command,
    ['Ask, and print the answer as it comes', 'agentctl send coder "Why does the build fail?" --stream'],
    ['Get only the answer, for a script', 'answer=$(agentctl send coder --wait -f question.md)'],
    ['Continue the last conversation', 'agentctl send coder --continue --wait "And the tests?"'],
    ['Send now, and look later', 'agentctl send coder "Tidy up the docs"\nagentctl messages get'],
  );
}

interface SendOptions extends GlobalOptions {
  filename?: string;
  conversation?: string;
  continue?: boolean;
  key?: string;
  timeout?: number;
  wait?: boolean;
  stream?: boolean;
  raw?: boolean;
  output?: 'json' | 'name';
}

async function send(word: string, words: readonly string[], options: SendOptions, cli: Cli): Promise<void> {
  const agent = agentKey(word, options, cli);
  if (options.stream === true && options.wait === true) {
    throw new UsageError('--stream cannot be combined with --wait');
  }
  const text = await textToSend(words, options.filename, cli);
  const client = await cli.connect(options, { start: true });
  const message = await sendOne(client, agent, {
    text,
    conversation: await conversationFor(client, agent, options, cli),
    key: options.key,
    from: cli.user(),
    timeout: options.timeout,
  });
  if (options.stream === true || options.wait === true) return hear(client, message, options, cli);
  const { name } = message.metadata;
  if (options.output === 'json') return cli.out(`${JSON.stringify(message, null, 2)}\n`);
  if (options.output === 'name') return cli.out(`${objectName(kindInfo('Message'), name)}\n`);
  cli.out(`message/${name} sent to agent/${agent.name} (conversation ${message.spec.conversation})\n`);
  if (cli.terminal.out) cli.err(`Follow it: agentctl messages follow ${name}\n`);
}

export async function sendOne(client: Client, agent: ObjectKey, message: NewMessage): Promise<Message> {
  const [sent] = await client.send(agent, [message]);
  if (sent === undefined) throw new CliError('the controller accepted the message but did not answer');
  return sent;
}

/** Returns the conversation of --conversation or --continue; undefined means a new one. */
export async function conversationFor(
  client: Client,
  agent: ObjectKey,
  options: Pick<SendOptions, 'conversation' | 'continue' | 'namespace'>,
  cli: Cli,
): Promise<string | undefined> {
  if (options.continue !== true) {
    return options.conversation === undefined
      ? undefined
      : idKey(options.conversation, 'Conversation', options, cli).name;
  }
  if (options.conversation !== undefined) {
    throw new UsageError('--continue cannot be combined with --conversation');
  }
  const found = await newestConversation(client, agent, fromUser(cli.user()));
  if (found !== undefined && found.closed === undefined) return found.name;
  if (found !== undefined)
    throw new CliError(
      `your last conversation with agent/${agent.name}, ${found.name}, is closed (${found.closed}). Omit --continue to begin a new one, or continue another one with --conversation. List them with agentctl get conversations`,
    );
  throw new CliError(
    `${cli.user()} has no open conversation with agent/${agent.name}. Omit --continue to begin one. Conversations of others: agentctl get conversations`,
  );
}

/**
 * Returns the text to send: the words of the command line, a file, or standard input if neither is given. Never empty.
 * `ways` says in errors how to give a text.
 */
export async function textToSend(
  words: readonly string[],
  filename: string | undefined,
  cli: Pick<Cli, 'stdin' | 'terminal'>,
  ways = 'as an argument, with -f FILE, or on standard input',
): Promise<string> {
  if (words.length > 0 && filename !== undefined) {
    throw new UsageError('a text cannot be combined with -f');
  }
  if (words.length > 0) return nonEmpty(words.join(' '), 'the text');
  if (filename !== undefined && filename !== '-') return nonEmpty(decode(read(filename), filename), filename);
  if (filename === undefined && cli.terminal.in) {
    throw new UsageError(`specify the text: ${ways}`);
  }
  return nonEmpty(decode(await cli.stdin(), 'standard input'), 'standard input', `specify the text ${ways}`);
}

function nonEmpty(text: string, where: string, remedy = 'there is nothing to send'): string {
  const trimmed = text.replace(/\r?\n$/, '');
  if (trimmed.trim() === '') throw new UsageError(`${where} is empty: ${remedy}`);
  return trimmed;
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(`${path} cannot be read: ${why}`, { cause });
  }
}

function decode(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CliError(`${where} is not UTF-8 text; only text can be sent to agents`, { cause });
  }
}

interface HearOptions {
  /** Prints text as it arrives; otherwise only the answer. */
  stream?: boolean;
  output?: 'json' | 'name';
  /** Its agent is removed afterwards, so the message cannot be sent again. */
  removed?: boolean;
  /** Prints the agent's answer unchanged. */
  raw?: boolean | undefined;
}

/** Follows a message until it ends, prints its answer, and sets the exit code. */
export async function hear(
  client: Client,
  message: Message,
  { stream = false, output, removed = false, raw = false }: HearOptions,
  cli: Cli,
): Promise<void> {
  if (stream && output === 'name') throw new UsageError('--stream cannot be combined with -o name');
  const spoken = voice(cli, { quiet: !stream, raw });
  for await (const entry of client.stream(keyOf(message), { signal: cli.signal })) {
    if (stream && output === 'json') cli.out(`${JSON.stringify(entry)}\n`);
    else if (output === undefined) spoken.print(entry);
    if ('end' in entry) {
      spoken.pause();
      return ended(entry.end, { output: stream ? undefined : output, removed }, cli);
    }
  }
  spoken.pause();
  cli.err(goesOnText(message.metadata.name));
}

function ended(
  message: Message,
  { output, removed }: { output: HearOptions['output']; removed: boolean },
  cli: Cli,
): void {
  if (output === 'json') cli.out(`${JSON.stringify(message, null, 2)}\n`);
  if (output === 'name') cli.out(`${objectName(kindInfo('Message'), message.metadata.name)}\n`);
  cli.exitCode = outcomeCode(message);
  if (cli.exitCode !== exitCode.ok) cli.err(`error: ${outcomeText(message, { removed })}\n`);
}
