import type { Cancel, Clock } from '../../platform/clock.ts';
import { limits } from '../limits.ts';
import type { Turn } from '../protocol.ts';
import type { Usage } from '../talk.ts';
import { Calls } from './calls.ts';

/** How long an agent that was asked to break a turn off may be silent, and how long it may take in all. Milliseconds. */
const patience = { silent: 10_000, most: 60_000 };

/** A turn that has not ended. */
export interface Current {
  readonly turn: Turn;
  /** Ids of permissions that it waits for. */
  readonly permissions: Set<string>;
  readonly calls: Calls;
  /** It was begun by this connection, which has read all of it. */
  readonly fresh: boolean;
  /** What its requests to models have used so far, where the agent tells it of each. */
  requests?: Usage | undefined;
  /** The agent's message that the last text was of. */
  messageId?: string | undefined;
  /** All that its texts were of. */
  readonly messageIds: Set<string>;
  /** Whether the agent has said something of it since it was last looked at. */
  heard: boolean;
  cancelled: boolean;
  /** It was not ended when it was asked to be: for us it is over, and the session works on. */
  givenUp: boolean;
  stopWaiting?: Cancel | undefined;
}

/** By id of the request, by message and by session: a session has one at a time, and the one that it had before. */
export class Turns {
  readonly #clock: Clock;
  readonly #offersTools: boolean;
  readonly #byId = new Map<string, Current>();
  readonly #bySession = new Map<string, Current>();
  readonly #before = new Map<string, Current>();

  /**
   * `turns`: those that an earlier connection began; `givenUp`: those of them that are over for us. `offersTools`:
   * agentctl's own were given to the agent.
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
   * Whose a request is: that of its session, if that has one. Agents ask for their helpers in sessions of their own; what
   * such a one asks belongs to the turn that has the call, or to the only turn there is.
   */
  asking(session: string, toolCall: string | undefined): Current | undefined {
    const of = this.of(session);
    if (of !== undefined || this.#before.has(session)) return of;
    const all = [...this.#byId.values()];
    return all.find(({ calls }) => toolCall !== undefined && calls.has(toolCall)) ?? only(all);
  }

  /** The turn that the session had before. */
  before(session: string): Current | undefined {
    return this.#before.get(session);
  }

  named(message: string): Current | undefined {
    return this.#byId.values().find(({ turn }) => turn.message === message);
  }

  /** A permission is waited for no longer. */
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

  /** Calls back once the agent has been silent for too long. */
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

/** The id of its session/prompt: the same whichever connection reads the answer. */
export const wireId = ({ message, attempt }: Turn): string => `turn/${message}/${attempt}`;

export const isTurnId = (id: unknown): id is string => typeof id === 'string' && id.startsWith('turn/');
