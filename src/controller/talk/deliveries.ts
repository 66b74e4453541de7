import type { Agent } from '../../api/objects.ts';
import type { Entry, MessageChange } from '../../messages/journal.ts';
import type { Message } from '../../messages/message.ts';
import { sentence } from '../../plan/instant.ts';
import { ProtocolError, type Turn } from '../../protocols/protocol.ts';
import { type Desk, keyOf } from './desk.ts';
import type { Link } from './link.ts';
import type { Taker } from './mailbox.ts';
import type { Open } from './open.ts';
import { broken, type Turns } from './turns.ts';

const writeAgain = 1_000;
/** In which what a run wrote while the controller was down is read. */
const catchUp = 500;

export interface DeliveriesParts {
  desk: Desk;
  turns: Turns;
  agent(key: string): Agent | undefined;
  /** From now on the agent must give a sign of it now and then. */
  begun(agent: Agent): void;
}

/** Hands messages to whoever is free: written down first, then into the pipe. */
export class Deliveries {
  readonly #desk: Desk;
  readonly #turns: Turns;
  readonly #parts: DeliveriesParts;
  readonly #due = new Set<string>();

  constructor(parts: DeliveriesParts) {
    this.#parts = parts;
    this.#desk = parts.desk;
    this.#turns = parts.turns;
  }

  /** Deliveries for an Agent are made once what goes on now has been written down. */
  soon(key: string): void {
    if (this.#due.size === 0)
      queueMicrotask(() => {
        const keys = [...this.#due];
        this.#due.clear();
        for (const each of keys) this.dispatch(each);
      });
    this.#due.add(key);
  }

  dispatch(key: string): void {
    const agent = this.#parts.agent(key);
    if (agent === undefined || agent.spec.suspend || agent.metadata.deletionTimestamp !== undefined) return;
    const box = this.#desk.box(key);
    if (box.waiting === 0) return;
    const { perInstance } = this.#desk.parts.rules(agent);
    const takers: Taker[] = [];
    for (const link of this.#linksOf(key)) {
      if (link.state !== 'Ready' || link.stopping || link.failure !== undefined) continue;
      const { uid, ordinal } = link.target;
      takers.push({ uid, ordinal, free: perInstance - box.current(uid).size - box.working(uid).length });
    }
    for (;;) {
      const found = box.next(takers);
      const link = found === undefined ? undefined : this.#desk.links.get(found.taker.uid);
      if (found === undefined || link === undefined) return;
      found.taker.free -= 1;
      box.begin(found.open, found.taker.uid);
      this.#parts.begun(agent);
      this.#deliver(found.open, link).catch((error: unknown) =>
        this.#desk.parts.log.error({ err: error, message: found.open.message.id }, 'a delivery failed'),
      );
    }
  }

  *#linksOf(key: string): Iterable<Link> {
    for (const link of this.#desk.links.values()) if (keyOf(link.target) === key) yield link;
  }

  async #deliver(open: Open, link: Link): Promise<void> {
    const { message, thread } = open;
    const { parts, writer } = this.#desk;
    const { connection, target } = link;
    const { delivery } = open;
    if (connection === undefined) return this.#turns.requeue(open);
    const { record } = thread;
    const live = record.session !== undefined && record.sessionRun === target.run && !record.renew;
    let session = record.session;
    if (!live || session === undefined) {
      try {
        const before = record.renew ? undefined : record.session;
        ({ session } = await connection.session({ id: record.id, session: before, live: false }));
      } catch (error) {
        if (open.delivery === delivery) this.#noSession(open, link, error);
        return;
      }
    }
    if (open.delivery !== delivery) return;
    if (open.breaking !== undefined) return this.#turns.finish(open, broken(open), link);
    const text = parts.journal.message(message.id)?.text ?? '';
    const again = message.attempts > 0 || open.seq > 0;
    Object.assign(message, {
      state: 'Delivered',
      attempts: message.attempts + 1,
      instance: target.instance,
      uid: target.uid,
      run: target.run,
      written: false,
      produced: false,
      // It tells deliveries apart, so it is never the same twice.
      deliveredAt: Math.max(parts.clock.now(), (message.deliveredAt ?? 0) + 1),
    });
    const { state, attempts, instance, uid, run, written, produced, deliveredAt } = message;
    const set: MessageChange = { state, attempts, instance, uid, run, written, produced, deliveredAt };
    const entries: Entry[] = [{ type: 'Change', id: message.id, set }];
    const { instance: home } = record;
    if (!live || home !== target.instance) {
      // A new session counts from nothing.
      const reported = session === record.session ? record.reported : undefined;
      thread.record = { ...thread.record, session, sessionRun: run, instance, uid, renew: false, reported };
      entries.push({ type: 'Conversation', conversation: thread.record });
    }
    if (again) {
      const what = message.interrupted === undefined ? 'sent again' : 'taken up again';
      entries.push(
        ...this.#desk.event(open, {
          type: 'note',
          text: `It is ${what}, by ${instance}.`,
          attempt: attempts,
        }),
      );
    }
    open.heardAt = parts.clock.now();
    link.flush(); // the end of the one before it is journalled first
    await writer.write(entries);
    this.#desk.changed('Message', message.id);
    if (open.delivery !== delivery || link.state === 'Drained') return;
    await this.#prompt(open, link, { ...turnOf(open, session), text: withNote(text, message) });
  }

  async #prompt(open: Open, link: Link, turn: Turn): Promise<void> {
    const { message, delivery } = open;
    try {
      await link.connection?.prompt(turn);
    } catch (error) {
      this.#desk.parts.log.info({ err: error, message: message.id }, 'a message could not be written');
      return this.#later(open, delivery);
    }
    if (open.delivery !== delivery) return;
    message.written = true;
    link.push([{ type: 'Change', id: message.id, set: { written: true } }]);
    if (open.breaking !== undefined) link.connection?.cancel(message.id);
  }

  /** Where its run has not ended meanwhile, and with that been judged, it is delivered again. */
  #later(open: Open, delivery: number): void {
    this.#desk.parts.clock.after(writeAgain, () => {
      if (open.delivery === delivery && !open.message.written) this.#turns.requeue(open);
    });
  }

  #noSession(open: Open, link: Link, error: unknown) {
    // Judged when all was read; where the pipes are only being opened again, it is tried again.
    if (error instanceof ProtocolError && error.reason === 'Closed') return this.#later(open, open.delivery);
    const message = error instanceof Error ? error.message : String(error);
    const refused = error instanceof ProtocolError && error.reason === 'LoadRefused';
    if (refused) {
      this.#turns.close(open.thread, 'SessionLost');
    }
    const remedy = refused ? ' Begin a new conversation.' : '';
    this.#turns.finish(
      open,
      { state: 'Failed', reason: refused ? 'SessionLost' : 'NoSession', error: sentence(message) + remedy },
      link,
    );
  }

  /**
   * After a restart of the controller: whether the message went into the pipe is not known, unless the agent has said
   * something of it meanwhile.
   */
  makeSure(link: Link): void {
    const { parts } = this.#desk;
    for (const open of this.#desk.box(keyOf(link.target)).current(link.target.uid)) {
      const { id, state, deliveredAt, written } = open.message;
      if (open.breaking !== undefined && written && this.#turns.current(link, id) === open)
        link.connection?.cancel(id);
      if (state !== 'Delivered') continue;
      const isSo = (): boolean =>
        this.#turns.current(link, open.message.id) === open &&
        open.message.deliveredAt === deliveredAt &&
        open.message.state === 'Delivered' &&
        !open.message.written &&
        link.state !== 'Drained';
      if (isSo()) parts.clock.after(catchUp, () => isSo() && this.#makeSure(open, link));
    }
  }

  /** It is sent once more; or broken off, and begun again once the agent has ended it, or does not know it. */
  #makeSure(open: Open, link: Link): void {
    const { message, thread } = open;
    if (link.protocol.onInterrupted === 'Retry') {
      const text = this.#desk.parts.journal.message(message.id)?.text ?? '';
      void this.#prompt(open, link, {
        ...turnOf(open, thread.record.session ?? ''),
        text: withNote(text, message),
      });
      return;
    }
    open.breaking ??= {
      reason: 'Uncertain',
      message: 'the controller was restarted while the message was sent',
    };
    link.connection?.cancel(message.id);
  }
}

export function turnOf(open: Open, session: string): Turn {
  const { message } = open;
  return {
    message: message.id,
    attempt: message.deliveredAt ?? 0,
    conversation: message.conversation,
    session,
    kind: message.kind,
    from: message.from.name,
    text: '',
  };
}

const withNote = (text: string, { interrupted }: Pick<Message, 'interrupted'>): string =>
  interrupted === undefined
    ? text
    : `[agentctl] Your turn on the message below was interrupted: ${interrupted}. Check what of it is done already, do not do it twice, and finish it.\n\n${text}`;
