import { backoffDelay } from '../api/errors.ts';
import type { Agent } from '../api/objects.ts';
import { sentence } from '../api/text.ts';
import type { Entry } from '../messages/journal.ts';
import { type Connection, ProtocolError, type Turn } from '../protocols/protocol.ts';
import type { Link } from './link.ts';
import type { Taker } from './mailbox.ts';
import { change, keyOf, type Open, recordOf } from './open-message.ts';
import type { Context } from './ports.ts';
import type { TalkState } from './talk-state.ts';
import { Openings, prefaceOf } from './thread-sessions.ts';
import { cancelledEnd, type TurnEnds } from './turn-ends.ts';

const writeAgain = 1_000;
/** Milliseconds. An agent that has not opened a session by then does not block other conversations. */
const slow = 5_000;
/** How often a session is requested again after a failure that may be temporary. */
const mostRefusals = 2;
/** Milliseconds to read what a run wrote while the controller was down. */
const catchUp = 500;

/** Delivers messages to free instances: journals the attempt first, then writes it to the pipe. */
export class Deliveries {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #ends: TurnEnds;
  readonly #isHeld: (agent: Agent) => boolean;
  readonly #due = new Set<string>();
  readonly #openings = new Openings();

  /** `isHeld`: whether a gate holds the Agent. */
  constructor(context: Context, talk: TalkState, ends: TurnEnds, isHeld: (agent: Agent) => boolean) {
    this.#context = context;
    this.#talk = talk;
    this.#ends = ends;
    this.#isHeld = isHeld;
    talk.signals.on('due', (key) => this.#soon(key));
  }

  /** Delivers an Agent's messages after the current changes are journaled. */
  #soon(key: string): void {
    if (this.#due.size === 0)
      queueMicrotask(() => {
        const keys = [...this.#due];
        this.#due.clear();
        for (const each of keys) this.dispatch(each);
      });
    this.#due.add(key);
  }

  dispatch(key: string): void {
    const agent = this.#context.agent(key);
    if (agent === undefined || agent.spec.suspend || agent.metadata.deletionTimestamp !== undefined) return;
    const box = this.#talk.box(key);
    if (box.waiting === 0 || this.#isHeld(agent)) return;
    const { perInstance, inactivityTimeout } = this.#context.rules(agent);
    const takers: Taker[] = [];
    for (const link of this.#linksOf(key)) {
      if (link.state !== 'Ready' || link.stopping || link.failure !== undefined) continue;
      const { uid, ordinal } = link.target;
      takers.push({ uid, ordinal, free: perInstance - this.#busy(key, uid) });
    }
    for (;;) {
      const found = box.next(takers);
      const link = found === undefined ? undefined : this.#talk.links.get(found.taker.uid);
      if (found === undefined || link === undefined) return;
      found.taker.free -= 1;
      found.open.stalled = false;
      box.begin(found.open, found.taker.uid);
      this.#talk.signals.emit('check', this.#context.clock.now() + inactivityTimeout);
      this.#deliver(found.open, link).catch((error: unknown) =>
        this.#context.log.error({ err: error, message: found.open.message.id }, 'a delivery failed'),
      );
    }
  }

  /** Returns how many conversations the instance works on. */
  #busy(key: string, uid: string): number {
    const box = this.#talk.box(key);
    const atWork = [...box.current(uid)].filter(({ stalled }) => !stalled);
    return atWork.length + box.working(uid).length;
  }

  *#linksOf(key: string): Iterable<Link> {
    for (const link of this.#talk.links.values()) if (keyOf(link.target) === key) yield link;
  }

  async #deliver(open: Open, link: Link): Promise<void> {
    const { message, thread } = open;
    const { clock, meters } = this.#context;
    const { writer } = this.#talk;
    const { connection, target } = link;
    const { delivery } = open;
    if (connection === undefined) return this.#ends.requeue(open);
    const { record } = thread;
    let isNew = false;
    try {
      isNew = await this.#open(open, link, connection);
    } catch (error) {
      if (open.delivery === delivery) this.#noSession(open, link, error);
      return;
    }
    if (open.delivery !== delivery) {
      if (thread.record.session !== record.session) writer.note([recordOf(thread)]);
      return;
    }
    if (open.cancellation !== undefined) return this.#ends.finish(open, cancelledEnd(open), link);
    const agent = this.#context.agent(keyOf(message));
    const isHeld = agent !== undefined && this.#isHeld(agent);
    if (isHeld || (open.stalled && !this.#hasRoom(open, link))) {
      writer.note([recordOf(thread)]);
      return this.#ends.requeue(open);
    }
    open.stalled = false;
    open.refusals = 0;
    const { session = '' } = thread.record;
    const again = message.attempts > 0 || open.seq > 0;
    const { instance, uid, run } = target;
    const attempts = message.attempts + 1;
    const delivered = change(open, {
      state: 'Delivered',
      attempts,
      instance,
      uid,
      run,
      written: false,
      produced: false,
      // Identifies the delivery, so it must never repeat.
      deliveredAt: Math.max(clock.now(), (message.deliveredAt ?? 0) + 1),
      reason: undefined,
      error: undefined,
    });
    const entries: Entry[] = [delivered];
    if (thread.record.instance !== instance) thread.record = { ...thread.record, instance, uid };
    if (thread.record !== record) entries.push(recordOf(thread));
    if (again) {
      const what = message.interrupted === undefined ? 'sent again' : 'taken up again';
      entries.push(
        ...this.#talk.events.add(open, {
          type: 'note',
          text: `It is ${what}, by ${instance}.`,
          attempt: attempts,
        }),
      );
    }
    if (isNew) entries.push(...this.#talk.events.add(open, { type: 'note', text: forgotten }));
    open.heardAt = clock.now();
    link.flush(); // journals the end of the previous turn first
    await writer.write(entries);
    meters.messageDeliveries.inc({ attempt: again ? 'later' : 'first' });
    const waited = (message.deliveredAt ?? 0) - message.createdAt;
    if (!again) meters.messageWaitSeconds.observe({}, Math.max(0, waited) / 1_000); // the clock may have been set back
    this.#talk.changed('Message', message.id);
    if (open.delivery !== delivery || link.state === 'Drained') return;
    const preface = prefaceOf(thread.record, link.settings);
    await this.#prompt(open, link, { ...this.#turnOf(open, session), preface });
  }

  /**
   * Opens a session of this run for the conversation. Returns whether it is a new session for a conversation that had
   * another one. A slow agent does not block other conversations.
   */
  async #open(open: Open, link: Link, connection: Connection): Promise<boolean> {
    const { thread, delivery } = open;
    const stall = this.#context.clock.after(slow, () => {
      if (open.delivery !== delivery) return;
      this.#stall(open, `${link.target.instance} has not opened its session for ${slow / 1_000} s.`);
    });
    try {
      return await this.#openings.open(thread, link, connection);
    } finally {
      stall();
    }
  }

  /** Marks the message as waiting for its session, and frees its place for others meanwhile. */
  #stall(open: Open, why: string): void {
    open.stalled = true;
    this.#talk.writer.note([change(open, { reason: opening, error: why })]);
    this.#talk.changed('Message', open.message.id);
    this.dispatch(keyOf(open.message));
  }

  /** Returns whether the instance has a free place: others may have taken it. */
  #hasRoom({ message }: Open, { target }: Link): boolean {
    const agent = this.#context.agent(keyOf(message));
    const { perInstance = 1 } = agent === undefined ? {} : this.#context.rules(agent);
    return this.#busy(keyOf(message), target.uid) < perInstance;
  }

  /** Returns the turn with its text, and with what the agent must know of an interruption. */
  #turnOf(open: Open, session: string): Turn {
    const { id, interrupted } = open.message;
    const text = this.#context.journal.message(id)?.text ?? '';
    const whole =
      interrupted === undefined
        ? text
        : `[agentctl] Your turn on the message below was interrupted: ${interrupted}. Check what of it is done already, do not do it twice, and finish it.\n\n${text}`;
    return { ...turnOf(open, session), text: whole };
  }

  async #prompt(open: Open, link: Link, turn: Turn): Promise<void> {
    const { message, delivery } = open;
    try {
      await link.connection?.prompt(turn);
    } catch (error) {
      this.#context.log.info({ err: error, message: message.id }, 'a message could not be written');
      return this.#later(open, delivery);
    }
    if (open.delivery !== delivery) return;
    link.push([change(open, { written: true })]);
    if (open.cancellation !== undefined) link.connection?.cancel(message.id);
  }

  /** Delivers it again after a pause, unless the end of the run has decided about it. */
  #later(open: Open, delivery: number, pause = writeAgain): void {
    this.#context.clock.after(pause, () => {
      if (open.delivery === delivery && !open.message.written) this.#ends.requeue(open);
    });
  }

  #noSession(open: Open, link: Link, error: unknown) {
    // An error that nobody has foreseen ends the message: it would be tried again in silence until the message expires.
    const retry = error instanceof ProtocolError ? error.retry : 'Never';
    // The end of the run decides this case. If only the pipes are being reopened, it is tried again.
    if (retry === 'Backoff') return this.#later(open, open.delivery);
    const text = sentence(error instanceof Error ? error.message : String(error));
    if (typeof retry === 'object' && 'from' in retry && open.refusals < mostRefusals) {
      open.refusals += 1;
      this.#stall(open, `${text} It is asked again.`);
      return this.#later(open, open.delivery, backoffDelay(retry, open.refusals));
    }
    if (error instanceof ProtocolError && error.code === 'LoadRefused') {
      this.#ends.close(open.thread, 'SessionLost');
      const lost = `${text} Begin a new conversation.`;
      return this.#ends.finish(open, { state: 'Failed', reason: 'SessionLost', error: lost }, link);
    }
    const again = `${text} Send it again: agentctl messages retry ${open.message.id}.`;
    this.#ends.finish(open, { state: 'Failed', reason: 'NoSession', error: again }, link);
  }

  /**
   * After a restart of the controller. It is unknown whether the message was written to the pipe, unless the agent has
   * reported on it since.
   */
  confirmDelivery(link: Link): void {
    for (const open of this.#talk.box(keyOf(link.target)).current(link.target.uid)) {
      const { id, state, deliveredAt, written } = open.message;
      if (open.cancellation !== undefined && written && this.#talk.current(link, id) === open)
        link.connection?.cancel(id);
      if (state !== 'Delivered') continue;
      const isSo = (): boolean =>
        this.#talk.current(link, open.message.id) === open &&
        open.message.deliveredAt === deliveredAt &&
        open.message.state === 'Delivered' &&
        !open.message.written &&
        link.state !== 'Drained';
      if (isSo()) this.#context.clock.after(catchUp, () => isSo() && this.#confirmDelivery(open, link));
    }
  }

  /**
   * Either sends the message again, or cancels it. A cancelled message starts again after the agent has ended the turn
   * or reports that it does not know it.
   */
  #confirmDelivery(open: Open, link: Link): void {
    const { message, thread } = open;
    if (link.protocol.capabilities.onInterrupted === 'Retry') {
      void this.#prompt(open, link, this.#turnOf(open, thread.record.session ?? ''));
      return;
    }
    open.cancellation ??= {
      reason: 'Uncertain',
      message: 'the controller was restarted while the message was sent',
    };
    link.connection?.cancel(message.id);
  }
}

/** Reason of a message that waits because the agent has not opened its session yet. */
const opening = 'OpeningSession';

const forgotten =
  'Its session is new: the one of before could not be taken up, and what was said in this conversation is not known to it.';

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
