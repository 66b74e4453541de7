import { ApiError } from '../api/errors.ts';
import { type Agent, keyText } from '../api/objects.ts';
import { listed } from '../api/text.ts';
import { JournalError } from '../messages/journal.ts';
import type { Envelope, Message } from '../messages/message.ts';
import type { Peer } from '../protocols/turn-events.ts';
import type { Link } from './link.ts';
import type { Draft, Intake, Reservation } from './message-intake.ts';
import { keyOf, type Open } from './open-message.ts';
import { type AgentSender, type Context, protocolOf, type Question } from './ports.ts';
import type { TalkState } from './talk-state.ts';

/** A question that has passed this many agents goes no further. This ends a cycle of agents that ask each other. */
const mostHops = 8;
const coalesce = 50;
const mostAsked = 10_000;
/** Questions of one Instance that have no answer, or whose answers it has not read. */
const mostUnanswered = 1_000;
/** Names that an error message lists. */
const mostNames = 20;

/** A question that has its answer. */
interface Answered {
  requestId: string;
  /** The run that asked. */
  run: number | undefined;
}

/** Questions from agent to agent, their answers, and the list of agents that can be asked. */
export class Routes {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #intake: Intake;
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
  readonly #told = new WeakMap<Link, string>();
  readonly #asked = new WeakMap<Link, Set<string>>();
  #peersDue = false;

  constructor(context: Context, talk: TalkState, intake: Intake) {
    this.#context = context;
    this.#talk = talk;
    this.#intake = intake;
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
      const to = this.#target(from, request.to, { hops, parent: turn?.message });
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
    const target = this.#target(from, to, { hops, parent });
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

  /** Returns the Agent that `from` may ask under this name. Throws ApiError. */
  #target(
    from: Agent | undefined,
    to: string,
    { hops, parent }: { hops: number; parent: Envelope | undefined },
  ): Agent {
    checkAccess(from, 'send messages');
    if (hops + 1 > mostHops)
      throw new ApiError(
        'BadRequest',
        `The question has passed ${hops} agents already, the limit. They ask each other in a circle.`,
      );
    const home = from.metadata.namespace ?? 'default';
    const [namespace = home, name = to] = to.includes('/') ? to.split('/') : [home, to];
    const agent = namespace === home ? this.#context.agent(`${namespace}/${name}`) : undefined;
    if (agent === undefined) throw new ApiError('NotFound', `There is no agent ${to}. ${this.#others(home)}`);
    if (this.#waitsForIt(agent, parent))
      throw new ApiError(
        'Conflict',
        `Agent ${name} waits for the answer to this very question, and works on no more conversations at once: its spec.conversations.perInstance is ${agent.spec.conversations.perInstance}.`,
      );
    const state = unable(agent);
    if (state !== undefined)
      throw new ApiError('ServiceUnavailable', `Agent ${name} does not accept messages now: ${state}.`);
    return agent;
  }

  /** Whether the question would wait for itself: it came through this agent, and the agent has no free place. */
  #waitsForIt(agent: Agent, parent: Envelope | undefined): boolean {
    const { namespace = 'default', name } = agent.metadata;
    const key = `${namespace}/${name}`;
    let asks = false;
    for (
      let message = parent;
      message !== undefined;
      message = this.#talk.opens.get(message.parent ?? '')?.message
    )
      asks ||= keyOf(message) === key;
    if (!asks) return false;
    const box = this.#talk.box(key);
    const free = ({ target, state }: Link): boolean =>
      keyOf(target) === key &&
      state === 'Ready' &&
      box.current(target.uid).size < agent.spec.conversations.perInstance;
    return ![...this.#talk.links.values()].some(free);
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
    this.#tellPeers(link);
  }

  /** An instance was deleted, so nobody waits for its answers. */
  gone(uid: string): void {
    for (const id of this.#unanswered.get(uid)?.keys() ?? []) this.#answered(id);
    this.#unanswered.delete(uid);
  }

  /** Agents were added, removed or changed: informs all running agents, once for many changes. */
  peersChanged(): void {
    if (this.#peersDue) return;
    this.#peersDue = true;
    this.#context.clock.after(coalesce, () => {
      this.#peersDue = false;
      for (const link of this.#talk.links.values()) if (link.state === 'Ready') this.#tellPeers(link);
    });
  }

  /** Returns the agents that an agent can ask. */
  peers(from: Agent): Peer[] {
    return this.#context.cache.agents
      .list()
      .filter(
        ({ metadata, spec }) =>
          metadata.namespace === from.metadata.namespace &&
          metadata.name !== from.metadata.name &&
          metadata.deletionTimestamp === undefined &&
          protocolOf(spec) !== undefined,
      )
      .map(({ metadata, spec }) => ({
        id: metadata.name,
        model: spec.model,
        identity: spec.systemPrompt?.split('\n', 1)[0],
        capabilities: spec.capabilities ?? [],
      }))
      .sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  #tellPeers(link: Link): void {
    const agent = this.#context.agent(keyOf(link.target));
    if (agent === undefined || agent.spec.fleetAccess === 'None') return;
    const peers = this.peers(agent);
    const text = JSON.stringify(peers);
    if (this.#told.get(link) === text) return;
    this.#told.set(link, text);
    link.connection?.peers(peers);
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

  #others(namespace: string): string {
    const names = this.#context.cache.agents
      .list()
      .filter(({ metadata, spec }) => metadata.namespace === namespace && protocolOf(spec) !== undefined)
      .map(({ metadata }) => metadata.name);
    if (names.length === 0) return 'There are none to ask.';
    return `There are ${listed(names.sort(), { most: mostNames })}.`;
  }
}

/** The error of an agent is passed on unchanged, however many agents it passes. */
function reasonOf({ reason, state, error = 'it was not answered' }: Envelope): string {
  return reason === 'AgentError' ? error : `${reason ?? state}: ${error}`;
}

/** Throws ApiError Forbidden if the Agent may not use other agents or is ending. */
export function checkAccess(from: Agent | undefined, what: string): asserts from is Agent {
  const why =
    from === undefined || from.spec.fleetAccess === 'None' ? 'its spec.fleetAccess is None' : ends(from);
  if (why === undefined) return;
  throw new ApiError('Forbidden', `${from?.metadata.name ?? 'This agent'} may not ${what}: ${why}.`);
}

/** Why no instance of an Agent will keep running. Undefined if they may. */
function ends({ metadata, spec }: Agent): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return 'it is being deleted';
  if (spec.suspend) return 'it is suspended';
  return spec.replicas === 0 ? 'its spec.replicas is 0' : undefined;
}

/**
 * Why an agent cannot answer in its present state. Undefined if it starts, sleeps or backs off, because then it can.
 */
function unable(agent: Agent): string | undefined {
  const why = ends(agent);
  if (why !== undefined) return why;
  const { status } = agent;
  if (status?.phase === 'Failed' || status?.phase === 'Completed')
    return `it is ${status.phase}: ${status.message ?? ''}`;
  const accepted = status?.conditions?.find(({ type }) => type === 'Accepted');
  return accepted?.status === 'False' ? accepted.message : undefined;
}
