import { createHash } from 'node:crypto';
import type { Conversation, Reported } from '../../messages/message.ts';
import type { Connection, ConnectOptions } from '../../protocols/protocol.ts';
import type { Usage } from '../../protocols/talk.ts';
import type { Link } from './link.ts';
import type { Thread } from './open.ts';

interface Opening {
  link: Link;
  /** Whether it is a new session, of a conversation that has had another. */
  done: Promise<boolean>;
}

/**
 * Sessions that agents are asked for, one at a time for a conversation. A message that is given up meanwhile leaves the
 * session to the next one.
 */
export class Openings {
  readonly #open = new Map<string, Opening>();

  /** Sees to a session of this run, which then stands in the record; rejects with ProtocolError. */
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
    // A worker of another protocol may know the conversation by its own means.
    const hadOne = link.protocol.name === 'acp' && !renew && hasBegun(thread.record);
    const { session, how, cost } = await connection.session({ id, session: before, live: false });
    const { record } = thread;
    const { instance, uid, run } = link.target;
    if (record.state === 'Closed' || record.uid !== uid) {
      connection.closeSession(session);
      return false;
    }
    const common = { ...record, session, sessionRun: run, instance, uid, renew: false };
    thread.record =
      how === 'New'
        ? { ...common, told: '', reported: undefined } // it counts from nothing
        : { ...common, reported: loadedAgain(record.reported, cost) };
    return how === 'New' && hadOne;
  }
}

/** `cost`: what the agent said of the session when it loaded it. */
export const loadedAgain = (before: Reported | undefined, cost: Usage['cost']): Reported => ({
  counts: 'Session',
  ...before,
  loaded: true,
  ...(cost === undefined ? { costLoaded: true } : { cost, costLoaded: false }),
});

type Settings = Pick<ConnectOptions, 'systemPrompt'>;

/** The system prompt, where the session is not known to have it. */
export const prefaceOf = ({ told }: Conversation, { systemPrompt }: Settings): string | undefined =>
  systemPrompt === undefined || told === undefined || told === digest(systemPrompt)
    ? undefined
    : systemPrompt;

/**
 * A turn has ended well, and what it was told is in the session: of one that failed, was broken off or refused, an agent
 * may keep nothing.
 */
export const withTold = (conversation: Conversation, { systemPrompt }: Settings): Conversation => ({
  ...conversation,
  told: digest(systemPrompt ?? ''),
});

/** A turn of it has ended well. */
export const hasBegun = ({ told, session }: Conversation): boolean =>
  told === undefined ? session !== undefined : told !== '';

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 16);
