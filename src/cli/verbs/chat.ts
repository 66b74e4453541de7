import { join } from 'node:path';
import type { Command } from 'commander';
import { keyOf, type Message, type ObjectKey } from '../../api/objects.ts';
import { type ConversationView, conversationView, readConversation } from '../../views/conversation-view.ts';
import { Approvals, cancelAll, conversationStatus, helpText } from '../chat/chat-commands.ts';
import { type Dialogue, dialogue, fileHistory } from '../chat/dialogue.ts';
import type { Cli, Client, GlobalOptions } from '../cli.ts';
import { CliError, describeFailure, exitCode, UsageError } from '../failure.ts';
import { examples, pathsFor } from '../flags.ts';
import { goesOnText, outcomeText, voice } from '../message-output.ts';
import { dim } from '../print/text-table.ts';
import { agentKey } from '../targets.ts';
import { conversationFor, sendOne } from './send.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Chat with an agent. Ctrl-C cancels its current turn, a second Ctrl-C or Ctrl-D quits. Without a terminal, each line of standard input is sent as a message.',
    )
    .argument('<agent>', 'web or agent/web')
    .option('--conversation <id>', 'continue this conversation')
    .option('--continue', 'continue your latest open conversation with this agent')
    .option('--new', 'begin a new conversation (default)')
    .action((agent: string, options: ChatOptions) => chat(agent, options, cli));
  examples(
    command,
    ['Begin a conversation', 'agentctl chat coder'],
    ['Continue where you left off', 'agentctl chat coder --continue'],
    ['Send two messages from a script', "printf '%s\\n' 'List the tests.' 'Run them.' | agentctl chat coder"],
  );
}

interface ChatOptions extends GlobalOptions {
  conversation?: string;
  continue?: boolean;
  new?: boolean;
}

async function chat(word: string, options: ChatOptions, cli: Cli): Promise<void> {
  const agent = agentKey(word, options, cli);
  if (options.new === true && (options.continue === true || options.conversation !== undefined)) {
    throw new UsageError('--new cannot be combined with --continue or --conversation');
  }
  const client = await cli.connect(options, { start: true });
  const { spec } = await client.get('Agent', agent);
  if (spec.protocol === 'none') {
    throw new CliError(
      `agent/${agent.name} has no protocol, so you cannot chat with it. Its output: agentctl logs ${agent.name}`,
    );
  }
  const conversation = await conversationFor(client, agent, options, cli);
  const path = join(pathsFor(options, cli.environment).state, 'chat-history');
  const history = fileHistory(path, (text) => cli.err(`Warning: ${text}\n`));
  const lines = dialogue(cli, history);
  try {
    await new Chat(client, agent, lines, cli, conversation).run();
  } finally {
    lines.close();
    history.save();
  }
}

class Chat {
  readonly #client: Client;
  readonly #agent: ObjectKey;
  readonly #lines: Dialogue;
  readonly #cli: Cli;
  readonly #interactive: boolean;
  #conversation: string | undefined;

  constructor(client: Client, agent: ObjectKey, lines: Dialogue, cli: Cli, conversation: string | undefined) {
    this.#client = client;
    this.#agent = agent;
    this.#lines = lines;
    this.#cli = cli;
    this.#conversation = conversation;
    this.#interactive = cli.terminal.in && cli.terminal.out;
  }

  async run(): Promise<void> {
    const { terminal } = this.#cli;
    if (this.#interactive)
      this.#cli.err(dim(`Chat with agent/${this.#agent.name}. Type /help for help.\n`, terminal.color));
    if (this.#conversation !== undefined) {
      const key = { ...this.#agent, name: this.#conversation };
      const conversation = await this.#client.get('Conversation', key);
      if (this.#interactive) this.#cli.out(earlierTurns(await readConversation(this.#client, conversation)));
    }
    for (;;) {
      const text = await this.#nextMessage();
      if (text === undefined) break;
      if (text.trim() === '') continue;
      if (!(await this.#command(text.trim())) && !(await this.#say(text))) break;
    }
    if (this.#interactive && this.#conversation !== undefined) {
      const { name } = this.#agent;
      this.#cli.err(
        `Continue where you left off: agentctl chat ${name} --conversation ${this.#conversation}\n`,
      );
    }
  }

  /** Reads one line, or several that are joined by backslashes. Returns undefined when the user leaves. */
  async #nextMessage(): Promise<string | undefined> {
    let leaving = false;
    const over = new Promise<undefined>((resolve) => {
      this.#cli.signal.addEventListener('abort', () => resolve(undefined), { once: true });
      this.#lines.onInterrupt(() => {
        if (leaving) return resolve(undefined);
        leaving = true;
        this.#lines.beside('Press Ctrl-C again or Ctrl-D to quit');
      });
    });
    if (this.#cli.signal.aborted) return undefined;
    const parts: string[] = [];
    for (;;) {
      const line = await Promise.race([this.#lines.read(parts.length === 0 ? '> ' : '… '), over]);
      if (line === undefined) {
        if (this.#interactive) this.#cli.out('\n');
        return parts.length === 0 ? undefined : parts.join('\n');
      }
      leaving = false;
      if (!line.endsWith('\\')) return [...parts, line].join('\n');
      parts.push(line.slice(0, -1));
    }
  }

  async #statusText(): Promise<string> {
    if (this.#conversation === undefined)
      return `your next message begins a new conversation with agent/${this.#agent.name}\n`;
    const key = { ...this.#agent, name: this.#conversation };
    return conversationStatus(conversationView(await this.#client.get('Conversation', key)));
  }

  /** Returns whether the text was a command. */
  async #command(text: string): Promise<boolean> {
    const { out } = this.#cli;
    try {
      switch (text) {
        case '/help':
          out(helpText);
          return true;
        case '/new':
          this.#conversation = undefined;
          out(await this.#statusText());
          return true;
        case '/status':
          out(await this.#statusText());
          return true;
        case '/cancel':
          await cancelAll(this.#client, this.#agent, this.#conversation, this.#cli);
          return true;
        case '/quit':
          this.#lines.close();
          return true;
        default:
          return false;
      }
    } catch (error) {
      this.#fail(error);
      return true;
    }
  }

  /** Returns whether the chat continues. */
  async #say(text: string): Promise<boolean> {
    try {
      const message = await sendOne(this.#client, this.#agent, {
        text,
        conversation: this.#conversation,
        from: this.#cli.user(),
      });
      this.#conversation = message.spec.conversation;
      const how = await turn(this.#client, message, this.#lines, this.#cli);
      if (how === 'failed' && !this.#interactive) this.#cli.exitCode = exitCode.failed;
      return how !== 'left';
    } catch (error) {
      this.#fail(error);
      return this.#interactive;
    }
  }

  /** A person may try again; a script gets the error. */
  #fail(error: unknown): void {
    if (!this.#interactive) throw error;
    this.#cli.err(`${describeFailure(error).text}\n`);
  }
}

const shownTurns = 5;
const shownLines = 6;

/** Returns the last turns of a conversation, each cut to a few lines. */
function earlierTurns({ dialogue }: ConversationView): string {
  const turns = dialogue.slice(-shownTurns).map(({ spec, status }) => {
    const answer = status.answer ?? `(${[status.state, status.reason].filter(Boolean).join(': ')})`;
    return `> ${short(spec.text)}\n${short(answer)}\n`;
  });
  const before = dialogue.length - turns.length;
  return `${before > 0 ? `(${before} earlier)\n` : ''}${turns.join('')}`;
}

function short(text: string): string {
  const lines = text.trim().split('\n');
  if (lines.length <= shownLines) return lines.join('\n');
  return `${lines.slice(0, shownLines - 1).join('\n')}\n(${lines.length - shownLines + 1} more lines)`;
}

/** Shows a message's turn until it ends. With `left`, the user leaves before that, and the message continues. */
async function turn(
  client: Client,
  message: Message,
  dialogue: Dialogue,
  cli: Cli,
): Promise<'completed' | 'failed' | 'left'> {
  const { namespace, name } = message.metadata;
  const leaving = new AbortController();
  const signal = AbortSignal.any([cli.signal, leaving.signal]);
  const spoken = voice(cli);
  const interactive = cli.terminal.in && cli.terminal.out;
  const approvals = interactive ? new Approvals(client, namespace, dialogue, cli) : undefined;
  let cancelling = false;
  const cancel = (): void => {
    if (cancelling) {
      leaving.abort();
      return;
    }
    cancelling = true;
    spoken.pause();
    cli.err('cancelling; press Ctrl-C again to quit\n');
    client.change(keyOf(message), 'cancel').catch((error) => cli.err(`${describeFailure(error).text}\n`));
  };
  dialogue.onInterrupt(cancel);
  dialogue.onLine((line) => {
    const word = line.trim();
    if (word === '/cancel' && !cancelling) cancel();
    if (word === '/quit') leaving.abort();
    return word === '/cancel' || word === '/quit';
  });
  try {
    for await (const entry of client.stream(keyOf(message), { signal })) {
      if ('event' in entry && entry.event.type === 'approval' && approvals !== undefined) {
        spoken.pause();
        approvals.take(entry.event);
        if (entry.event.state === 'Pending') continue; // the question shows it
      }
      if (dialogue.asks)
        dialogue.above(() => {
          spoken.print(entry);
          spoken.pause();
        });
      else spoken.print(entry);
      if (!('end' in entry)) continue;
      spoken.pause();
      const { state, reason } = entry.end.status ?? {};
      if (state === 'Completed') return 'completed';
      cli.err(reason === 'Cancelled' ? 'cancelled\n' : `error: ${outcomeText(entry.end)}\n`);
      return 'failed';
    }
    spoken.pause();
    cli.err(goesOnText(name));
    return 'left';
  } finally {
    dialogue.onLine(() => false);
    await approvals?.end();
  }
}
