import { readFileSync } from 'node:fs';
import { kindInfo } from '../../api/kinds.ts';
import type { Message, ObjectKey } from '../../api/objects.ts';
import type { NewMessage } from '../../client/streams.ts';
import { newestConversation } from '../../views/lookup.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import type { GlobalOptions } from '../global-options.ts';
import { agentKey, fromUser, idKey } from '../talk/talk-names.ts';
import { objectName } from '../targets.ts';
import { hear } from './hear.ts';

export interface SendOptions extends GlobalOptions {
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

export async function send(
  word: string,
  words: readonly string[],
  options: SendOptions,
  cli: Cli,
): Promise<void> {
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
