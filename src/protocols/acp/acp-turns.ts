import type { Cancel, Clock } from '../../platform/clock.ts';
import { limits, type Turn } from '../protocol.ts';
import type { Usage } from '../turn-events.ts';
import { Calls } from './acp-tool-calls.ts';

/** Milliseconds that an agent may be silent after a cancel request, and may take in total. */
const patience = { silent: 10_000, most: 60_000 };

/** A turn that has not ended. */
export interface Current {
  readonly turn: Turn;
  /** Ids of permissions that it waits for. */
  readonly permissions: Set<string>;
  readonly calls: Calls;
  /** This connection began the turn, so it has read all of it. */
  readonly fresh: boolean;
  /** The sum of its requests to models so far, if the agent reports each of them. */
  requests?: Usage | undefined;
  /** Id of the agent's message that contains the last text. */
  messageId?: string | undefined;
  /** Ids of all the agent's messages in the turn. */
  readonly messageIds: Set<string>;
  /** Whether the agent has reported on the turn since the last check. */
  heard: boolean;
  cancelled: boolean;
  /** The agent did not end the turn when asked. For us it is over, but the session is still working. */
  givenUp: boolean;
  stopWaiting?: Cancel | undefined;
}

/** Turns by id of the request, by message and by session. A session has one turn at a time, and its previous turn. */
export class Turns {
  readonly #clock: Clock;
  readonly #offersTools: boolean;
  readonly #byId = new Map<string, Current>();
  readonly #bySession = new Map<string, Current>();
  readonly #before = new Map<string, Current>();

  /**
   * `turns`: begun by an earlier connection. `givenUp`: those of them that are over for us. `offersTools`: the agent
   * was given agentctl's own tools.
   */
  constructor(
    clock: Clock,
    about: { turns: readonly Turn[]; givenUp?: readonly Turn[] | undefined; offersTools: boolean },
  ) {
    this.#clock = clock;
    this.#offersTools = about.offersTools;
    for (const turn of about.turns) this.#add(turn, false);
    for (const turn of about.givenUp ?? []) this.#add(turn, false).givenUp = true;
  }

  add(turn: Turn): Current {
    return this.#add(turn, true);
  }

  #add(turn: Turn, fresh: boolean): Current {
    const current: Current = {
      turn,
      permissions: new Set(),
      calls: new Calls({ fresh, offersTools: this.#offersTools }),
      fresh,
      messageIds: new Set(),
      heard: false,
      cancelled: false,
      givenUp: false,
    };
    this.#byId.set(wireId(turn), current);
    this.#bySession.set(turn.session, current);
    return current;
  }

  /** By the id of its request on the wire. */
  get(id: string): Current | undefined {
    return this.#byId.get(id);
  }

  of(session: string): Current | undefined {
    return this.#bySession.get(session);
  }

  /**
   * Returns the turn that a request belongs to: the turn of its session, if there is one. Sub-agents have their own
   * sessions. Their requests belong to the turn that has the tool call, or else to the only turn.
   */
  asking(session: string, toolCall: string | undefined): Current | undefined {
    const of = this.of(session);
    if (of !== undefined || this.#before.has(session)) return of;
    const all = [...this.#byId.values()];
    return all.find(({ calls }) => toolCall !== undefined && calls.has(toolCall)) ?? only(all);
  }

  /** Returns the previous turn of the session. */
  before(session: string): Current | undefined {
    return this.#before.get(session);
  }

  named(message: string): Current | undefined {
    return this.#byId.values().find(({ turn }) => turn.message === message);
  }

  /** A permission was answered. */
  decided(permission: string): void {
    for (const { permissions } of this.#byId.values()) permissions.delete(permission);
  }

  remove(current: Current): void {
    current.stopWaiting?.();
    const { session } = current.turn;
    this.#byId.delete(wireId(current.turn));
    if (this.of(session) === current) this.#bySession.delete(session);
    current.calls.over();
    this.#before.delete(session);
    this.#before.set(session, current);
    const [oldest] = this.#before.keys();
    if (this.#before.size > limits.sessions && oldest !== undefined) this.#before.delete(oldest);
  }

  /** Calls back when the agent has been silent for too long. */
  giveUpLater(current: Current, callback: () => void, waited = 0): void {
    current.heard = false;
    current.stopWaiting = this.#clock.after(patience.silent, () => {
      const so = waited + patience.silent;
      if (current.heard && so < patience.most) return this.giveUpLater(current, callback, so);
      current.givenUp = true;
      callback();
    });
  }

  clear(): void {
    for (const current of this.#byId.values()) current.stopWaiting?.();
    this.#byId.clear();
    this.#bySession.clear();
    this.#before.clear();
  }
}

const only = <T>(all: readonly T[]): T | undefined => (all.length === 1 ? all[0] : undefined);

/** Returns the id of the turn's session/prompt. It is the same for every connection that may read the answer. */
export const wireId = ({ message, attempt }: Turn): string => `turn/${message}/${attempt}`;

export const isTurnId = (id: unknown): id is string => typeof id === 'string' && id.startsWith('turn/');
