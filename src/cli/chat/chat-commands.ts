import { isApiError } from '../../api/errors.ts';
import type { ObjectKey } from '../../api/objects.ts';
import { askedText, listed, visibleLine } from '../../api/text.ts';
import type { TurnEvent } from '../../protocols/turn-events.ts';
import { type ConversationView, isEnded, optionsOf } from '../../views/conversation-view.ts';
import { messagesOf } from '../../views/lookup.ts';
import type { Cli, Client } from '../cli.ts';
import { optionText, pretty } from '../describe/conversation.ts';
import { fields } from '../describe/fields.ts';
import { describeFailure } from '../failure.ts';
import { clipped } from '../print/text-table.ts';
import type { Dialogue } from './dialogue.ts';

const isPlain = /^(y|yes|n|no|)$/;

type ApprovalEvent = Extract<TurnEvent, { type: 'approval' }>;

/** Asks the user about an agent's permission requests, one after the other. */
export class Approvals {
  readonly #client: Client;
  readonly #namespace: string | undefined;
  readonly #dialogue: Dialogue;
  readonly #cli: Cli;
  readonly #open = new Map<string, AbortController>();
  #asking: Promise<void> = Promise.resolve();

  constructor(client: Client, namespace: string | undefined, dialogue: Dialogue, cli: Cli) {
    this.#client = client;
    this.#namespace = namespace;
    this.#dialogue = dialogue;
    this.#cli = cli;
  }

  /** Handles a request, or its decision here or elsewhere. */
  take(event: ApprovalEvent): void {
    const known = this.#open.get(event.id);
    if (event.state !== 'Pending') known?.abort();
    if (event.state !== 'Pending' || known !== undefined) return;
    const withdrawn = new AbortController();
    this.#open.set(event.id, withdrawn);
    this.#asking = this.#asking.then(() => this.#ask(event, withdrawn.signal));
  }

  /** Withdraws all questions. */
  async end(): Promise<void> {
    for (const withdrawn of this.#open.values()) withdrawn.abort();
    await this.#asking;
  }

  async #ask(event: ApprovalEvent, withdrawn: AbortSignal): Promise<void> {
    const { id } = event;
    const title = askedText(event);
    if (withdrawn.aborted) return;
    const key: ObjectKey = {
      ...(this.#namespace === undefined ? {} : { namespace: this.#namespace }),
      name: id,
    };
    this.#cli.out(`It asks for permission: ${visibleLine(title)}\n`);
    // Output of the agent may come between that line and the question, so the question repeats its subject.
    const allow = 'Allow? [y/N/d(etails)] ';
    const room = (this.#cli.terminal.columns ?? 80) - allow.length - 10;
    const question = `${clipped(title, Math.max(room, 10))}: ${allow}`;
    try {
      for (;;) {
        const answer = await this.#dialogue.ask(question, withdrawn);
        if (answer === undefined) return;
        const word = answer.trim().toLowerCase();
        if (word === 'd' || word === 'details') {
          await this.#details(key);
          continue;
        }
        const option = isPlain.test(word) ? undefined : await this.#option(key, word);
        const isAllowed = option?.kind.startsWith('allow') ?? /^y(es)?$/.test(word);
        const how = { by: this.#cli.user(), option: option?.id };
        await this.#client.decide(key, isAllowed ? 'approve' : 'deny', how);
        return;
      }
    } catch (error) {
      // Another user or the timeout was faster: the next event reports the decision.
      if (!isApiError(error, 'Conflict')) this.#cli.err(`${describeFailure(error).text}\n`);
    } finally {
      this.#open.delete(id);
    }
  }

  /** Returns an option from the details, by its id or name. */
  async #option(key: ObjectKey, word: string) {
    const { spec } = await this.#client.get('Approval', key);
    return spec.options?.find(({ id, name }) => id.toLowerCase() === word || name.toLowerCase() === word);
  }

  async #details(key: ObjectKey): Promise<void> {
    const { spec } = await this.#client.get('Approval', key);
    const input = spec.input === undefined ? 'it does not say more' : pretty(spec.input);
    const options = optionsOf(spec).map((option) => `${visibleLine(optionText(option))}\n`);
    this.#cli.out(`${visibleLine(`${spec.toolKind}: ${spec.title}`)}\n${input}\n${options.join('')}`);
  }
}

export const helpText = `/new      begin a new conversation with your next message
/status   show the state of this conversation
/cancel   cancel the current turn, as Ctrl-C does
/quit     quit, as Ctrl-D does
End a line with a backslash to continue on the next one. Any other /word is sent to the agent.
`;

export const conversationStatus = ({ metadata, agent, status }: ConversationView): string =>
  fields([
    ['Agent', agent],
    ['Conversation', metadata.name],
    ['State', status.state],
    ['Instance', status.instance ?? 'none yet'],
    ['Messages', status.messages === undefined ? undefined : String(status.messages)],
    ['Tokens', status.tokens ?? '?'],
    ['Cost', status.cost ?? '?'],
  ]);

/** Cancels all unfinished messages of this conversation; returns a text with their number. */
export async function cancelAll(
  client: Client,
  agent: ObjectKey,
  conversation: string | undefined,
  cli: Cli,
): Promise<void> {
  const messages =
    conversation === undefined
      ? []
      : await messagesOf(client, agent.namespace, { 'spec.conversation': conversation });
  const open = messages.filter((message) => !isEnded(message));
  for (const { metadata } of open) await client.change({ ...agent, name: metadata.name }, 'cancel');
  cli.err(
    open.length === 0
      ? 'nothing to cancel\n'
      : `${listed(open.map(({ metadata }) => metadata.name))} cancelled\n`,
  );
}
