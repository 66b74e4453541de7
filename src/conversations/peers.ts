import { ApiError } from '../api/errors.ts';
import { type Agent, keyText } from '../api/objects.ts';
import { listed } from '../api/text.ts';
import type { Envelope } from '../messages/message.ts';
import type { Peer } from '../protocols/turn-events.ts';
import type { Link } from './link.ts';
import { keyOf } from './open-message.ts';
import { type Context, protocolOf } from './ports.ts';
import type { TalkState } from './talk-state.ts';

/** A question that has passed this many agents goes no further. This ends a cycle of agents that ask each other. */
const mostHops = 8;
const coalesce = 50;
/** Names that an error message lists. */
const mostNames = 20;

/** The agents that an agent can ask. Each agent is given the list of its peers, and may ask only those. */
export class Peers {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #sent = new WeakMap<Link, string>();
  #isDue = false;

  constructor(context: Context, talk: TalkState) {
    this.#context = context;
    this.#talk = talk;
  }

  /** Agents were added, removed or changed: informs all running agents, once for many changes. */
  changed(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#context.clock.after(coalesce, () => {
      this.#isDue = false;
      for (const link of this.#talk.links.values()) if (link.state === 'Ready') this.sendTo(link);
    });
  }

  /** Sends its peers to a run that is ready, unless it has them already. */
  sendTo(link: Link): void {
    const agent = this.#context.agent(keyOf(link.target));
    if (agent === undefined || agent.spec.fleetAccess === 'None') return;
    const peers = this.#peersOf(agent);
    const text = JSON.stringify(peers);
    if (this.#sent.get(link) === text) return;
    this.#sent.set(link, text);
    link.connection?.peers(peers);
  }

  #peersOf({ metadata: { name: own, namespace = 'default' } }: Agent): Peer[] {
    return this.#reachable(namespace)
      .filter(({ metadata }) => metadata.name !== own && metadata.deletionTimestamp === undefined)
      .map(({ metadata, spec }) => ({
        id: metadata.name,
        model: spec.model,
        identity: spec.systemPrompt?.split('\n', 1)[0],
        capabilities: spec.capabilities ?? [],
      }))
      .sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  /** Returns the agents of a namespace that have a protocol. */
  #reachable(home: string): Agent[] {
    return this.#context.cache.agents
      .list()
      .filter(({ metadata, spec }) => metadata.namespace === home && protocolOf(spec) !== undefined);
  }

  /**
   * Returns the Agent that `from` may ask under this name: `to` is a name, or namespace/name. `hops`: how many agents
   * the question has passed. `parent`: the message in whose turn it is asked. Throws ApiError.
   */
  target(
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
    const { opens, links } = this.#talk;
    const key = keyText(agent.metadata);
    let asks = false;
    for (let message = parent; message !== undefined; message = opens.get(message.parent ?? '')?.message)
      asks ||= keyOf(message) === key;
    if (!asks) return false;
    const box = this.#talk.box(key);
    const isFree = ({ target, state }: Link): boolean =>
      keyOf(target) === key &&
      state === 'Ready' &&
      box.current(target.uid).size < agent.spec.conversations.perInstance;
    return !links.values().some(isFree);
  }

  #others(namespace: string): string {
    const names = this.#reachable(namespace).map(({ metadata }) => metadata.name);
    if (names.length === 0) return 'There are none to ask.';
    return `There are ${listed(names.sort(), { most: mostNames })}.`;
  }
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
