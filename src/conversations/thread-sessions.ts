import { createHash } from 'node:crypto';
import type { Conversation, Reported } from '../messages/message.ts';
import type { Connection, ConnectOptions } from '../protocols/protocol.ts';
import type { Usage } from '../protocols/turn-events.ts';
import type { Link } from './link.ts';
import type { Thread } from './open-message.ts';

interface Opening {
  link: Link;
  /** Whether it is a new session for a conversation that had another one. */
  done: Promise<boolean>;
}

/**
 * Opens sessions, one at a time for each conversation. If the message is given up meanwhile, the next message uses the
 * session.
 */
export class Openings {
  readonly #open = new Map<string, Opening>();

  /**
   * Opens a session of this run and stores it in the thread's record. Returns whether it replaces another session.
   * Rejects with ProtocolError.
   */
  open(thread: Thread, link: Link, connection: Connection): Promise<boolean> {
    const { id, session, sessionRun, renew } = thread.record;
    if (session !== undefined && sessionRun === link.target.run && !renew) return Promise.resolve(false);
    const known = this.#open.get(id);
    if (known?.link === link) return known.done;
    const opening: Opening = { link, done: this.#ask(thread, link, connection) };
    this.#open.set(id, opening);
    const over = (): void => {
      if (this.#open.get(id) === opening) this.#open.delete(id);
    };
    opening.done.then(over, over);
    return opening.done;
  }

  async #ask(thread: Thread, link: Link, connection: Connection): Promise<boolean> {
    const { id, session: last, renew } = thread.record;
    const before = renew ? undefined : last;
    const hadOne = link.protocol.capabilities.resumes && !renew && hasBegun(thread.record);
    const { session, how, cost } = await connection.session({
      id,
      session: before,
      live: false,
      workingDir: link.workingDir,
    });
    const { record } = thread;
    const { instance, uid, run } = link.target;
    if (record.state === 'Closed' || record.uid !== uid) {
      connection.closeSession(session);
      return false;
    }
    const common = { ...record, session, sessionRun: run, instance, uid, renew: false };
    thread.record =
      how === 'New'
        ? { ...common, told: '', reported: undefined } // its counters start at zero
        : { ...common, reported: loadedAgain(record.reported, cost) };
    return how === 'New' && hadOne;
  }
}

/** Returns the record of reported usage after a load. `cost` is what the agent reported when it loaded the session. */
export const loadedAgain = (before: Reported | undefined, cost: Usage['cost']): Reported => ({
  counts: 'Session',
  ...before,
  loaded: true,
  ...(cost === undefined ? { costLoaded: true } : { cost, costLoaded: false }),
});

type Settings = Pick<ConnectOptions, 'systemPrompt'>;

/** Returns the system prompt, unless the session is known to have it. */
export const prefaceOf = ({ told }: Conversation, { systemPrompt }: Settings): string | undefined =>
  systemPrompt === undefined || told === undefined || told === digest(systemPrompt)
    ? undefined
    : systemPrompt;

/**
 * Records that the session has the system prompt, after a completed turn. After a failed, cancelled or refused turn, an
 * agent may have kept nothing.
 */
export const withPromptSent = (conversation: Conversation, { systemPrompt }: Settings): Conversation => ({
  ...conversation,
  told: digest(systemPrompt ?? ''),
});

/** Returns whether a turn of the conversation has completed. */
export const hasBegun = ({ told, session }: Conversation): boolean =>
  told === undefined ? session !== undefined : told !== '';

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 16);
