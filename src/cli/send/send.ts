import { kindInfo } from '../../api/kinds.ts';
import type { Message, ObjectKey } from '../../api/objects.ts';
import type { NewMessage } from '../../client/streams.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import type { GlobalOptions } from '../options.ts';
import { newestConversation } from '../talk/conversations.ts';
import { agentKey, fromUser, idKey } from '../talk/names.ts';
import { objectName } from '../targets.ts';
import { hear } from './hear.ts';
import { textToSend } from './text.ts';

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

/** The conversation that --conversation or --continue asks for; undefined: a new one. */
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
