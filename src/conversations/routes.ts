import { ApiError } from '../api/errors.ts';
import { type Agent, keyText } from '../api/objects.ts';
import { JournalError } from '../messages/journal.ts';
import type { Envelope, Message, Sender } from '../messages/message.ts';
import type { Draft } from './drafts.ts';
import type { Link } from './link.ts';
import type { Intake, Reservation } from './message-intake.ts';
import { keyOf, type Open } from './open-message.ts';
import type { Peers } from './peers.ts';
import type { Context } from './ports.ts';
import type { TalkState } from './talk-state.ts';

const mostAsked = 10_000;
/** Questions of one Instance that have no answer, or whose answers it has not read. */
const mostUnanswered = 1_000;

/** A question that has its answer. */
interface Answered {
  requestId: string;
  /** The run that asked. */
  run: number | undefined;
}

export type AgentSender = Extract<Sender, { kind: 'Agent' }>;

export interface Question {
  /** Name, or namespace/name. */
  to: string;
  text: string;
  conversation?: string | undefined;
}

/** Questions from agent to agent, and their answers. */
export class Routes {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #intake: Intake;
  readonly #peers: Peers;
  /**
   * Questions whose answers the asking instance has not received, by its uid. The answers may be long, so they stay in
   * the journal until then.
   */
  readonly #unanswered = new Map<string, Map<string, Answered>>();
  /** Number of open questions of each Instance, by its uid. */
  readonly #open = new Map<string, number>();
  /** Links to which answers are being written. */
  readonly #giving = new WeakSet<Link>();
  /** Keys of questions that are being written. */
  readonly #coming = new Set<string>();
  readonly #asked = new WeakMap<Link, Set<string>>();

  constructor(context: Context, talk: TalkState, intake: Intake, peers: Peers) {
    this.#context = context;
    this.#talk = talk;
    this.#intake = intake;
    this.#peers = peers;
    talk.signals.on('ended', (message) => this.#ended(message));
  }

  restore(unanswered: readonly Envelope[]): void {
    for (const message of unanswered) this.#keep(message);
    for (const { message } of this.#talk.opens.values()) this.#count(message, 1);
  }

  /** Handles a `route_request` of an agent. The question is journaled with the line that contains it. */
  asked(link: Link, turn: Open | undefined, request: { requestId: string; to: string; text: string }): void {
    const { namespace, agent, instance, uid, run } = link.target;
    const { requestId } = request;
    const key = `route/${uid}/${run}/${requestId}`;
    let reservation: Reservation;
    try {
      const from = this.#context.agent(keyOf(link.target));
      const waiting = (this.#open.get(uid) ?? 0) + (this.#unanswered.get(uid)?.size ?? 0);
      if (waiting >= mostUnanswered)
        throw new ApiError(
          'TooManyRequests',
          `${waiting} questions of ${instance} wait for answers. Read some before you ask more.`,
        );
      const hops = turn?.message.hops ?? this.#hops(keyOf(link.target), uid);
      const to = this.#peers.target(from, request.to, { hops, parent: turn?.message });
      this.#asking(link).add(requestId);
      const draft: Draft = {
        kind: 'Route',
        from: { kind: 'Agent', namespace, name: agent, instance, uid, run, requestId },
        text: request.text,
        key,
        hops: hops + 1,
        parent: turn?.message.id,
        single: true,
      };
      // Read again after a crash: the question is known.
      if (this.#coming.has(key) || this.#intake.known(to, draft) !== undefined) return;
      reservation = this.#intake.reserve(to, draft);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#refuse(link, requestId, error.message);
      return;
    }
    this.#coming.add(key);
    this.#count(reservation.message, 1);
    link.push(
      reservation.entries,
      () => {
        this.#coming.delete(key);
        reservation.commit();
      },
      (error) => {
        this.#coming.delete(key);
        reservation.release();
        this.#count(reservation.message, -1);
        // If it was accepted before, its answer will come from there.
        if (!(error instanceof JournalError && error.code === 'Duplicate'))
          this.#refuse(link, requestId, 'The question was not accepted: it could not be written down.');
      },
    );
  }

  /** Sends what an instance asks by another way than a line. It belongs to the turn of the instance, if it has one. */
  async send(from: Agent, sender: AgentSender, { to, text, conversation }: Question): Promise<Message> {
    const key = keyText(from.metadata);
    const [turn, ...others] = this.#talk.box(key).current(sender.uid);
    const parent = others.length === 0 ? turn?.message : undefined;
    const hops = parent?.hops ?? this.#hops(key, sender.uid);
    const target = this.#peers.target(from, to, { hops, parent });
    return this.#intake.send(target, {
      kind: 'Route',
      from: sender,
      text,
      conversation,
      hops: hops + 1,
      parent: parent?.id,
    });
  }

  /**
   * Returns the highest number of agents that a question in work by the instance has passed. Used for a new question
   * whose turn is unknown.
   */
  #hops(key: string, uid: string): number {
    return Math.max(0, ...[...this.#talk.box(key).current(uid)].map(({ message }) => message.hops));
  }

  /**
   * A message has ended. If it is a question asked by a line of the protocol, the sender gets the answer now or when it
   * is back.
   */
  #ended(message: Envelope) {
    const { from } = message;
    if (from.kind !== 'Agent' || from.requestId === undefined) return;
    this.#count(message, -1);
    if (this.#context.instance(from.uid) === undefined) return this.#answered(message.id);
    this.#keep(message);
    const link = this.#talk.links.get(from.uid);
    if (link?.state === 'Ready') void this.#sendAnswers(link);
  }

  /** An instance is ready for messages again. */
  ready(link: Link): void {
    void this.#sendAnswers(link);
    this.#peers.sendTo(link);
  }

  /** An instance was deleted, so nobody waits for its answers. */
  gone(uid: string): void {
    for (const id of this.#unanswered.get(uid)?.keys() ?? []) this.#answered(id);
    this.#unanswered.delete(uid);
  }

  #keep({ id, from }: Envelope): void {
    if (from.kind !== 'Agent' || from.requestId === undefined) return;
    const all = this.#unanswered.get(from.uid) ?? new Map<string, Answered>();
    this.#unanswered.set(from.uid, all.set(id, { requestId: from.requestId, run: from.run }));
  }

  #count({ from }: Envelope, by: 1 | -1): void {
    if (from.kind !== 'Agent' || from.requestId === undefined) return;
    const open = (this.#open.get(from.uid) ?? 0) + by;
    if (open > 0) this.#open.set(from.uid, open);
    else this.#open.delete(from.uid);
  }

  /** Writes waiting answers to a run, one at a time, so that at most one unread answer is in memory. */
  async #sendAnswers(link: Link): Promise<void> {
    if (this.#giving.has(link)) return;
    this.#giving.add(link);
    const { uid } = link.target;
    const next = () => this.#unanswered.get(uid)?.entries().next().value;
    for (let found = next(); found !== undefined && link.state === 'Ready'; found = next()) {
      const [id, { requestId, run }] = found;
      // The new run has asked something else under the same id and would mistake this answer for its own.
      const taken = run !== undefined && run !== link.target.run && this.#asking(link).has(requestId);
      if (!taken && !(await this.#answer(link, requestId, this.#answerOf(id)))) break;
      if (this.#unanswered.get(uid)?.delete(id) === true) this.#answered(id);
    }
    this.#giving.delete(link);
  }

  #answerOf(id: string): { response: string } | { error: string } {
    const message = this.#context.journal.message(id);
    if (message === undefined)
      return { error: 'Pruned: the answer was not read for too long and was deleted.' };
    return message.state === 'Completed' ? { response: message.answer ?? '' } : { error: reasonOf(message) };
  }

  #answered(id: string): void {
    this.#talk.writer.note([{ type: 'Change', id, set: { answered: true } }]);
  }

  /** A refusal is not journaled. It waits in the link's outbox as long as the run lives. */
  #refuse(link: Link, requestId: string, error: string): void {
    void this.#answer(link, requestId, { error });
  }

  /** Returns the ids of the questions that this run has asked. */
  #asking(link: Link): Set<string> {
    const asked = this.#asked.get(link) ?? new Set();
    this.#asked.set(link, asked);
    if (asked.size > mostAsked) asked.clear();
    return asked;
  }

  async #answer(
    link: Link,
    requestId: string,
    answer: { response: string } | { error: string },
  ): Promise<boolean> {
    try {
      if (link.connection === undefined) return false;
      await link.connection.routed(requestId, answer);
      return true;
    } catch (error) {
      link.log.info({ err: error, instance: link.target.instance }, 'an answer did not reach an agent');
      return false;
    }
  }
}

/** The error of an agent is passed on unchanged, however many agents it passes. */
function reasonOf({ reason, state, error = 'it was not answered' }: Envelope): string {
  return reason === 'AgentError' ? error : `${reason ?? state}: ${error}`;
}
