import type { Cancel } from '../platform/clock.ts';
import type { Link } from './link.ts';
import { keyOf, type Open } from './open-message.ts';
import type { Context } from './ports.ts';
import type { TalkState } from './talk-state.ts';
import type { TurnEnds } from './turn-ends.ts';

const longest = 30_000;
/** Milliseconds that an agent has to confirm a cancelled turn. */
const patience = 75_000;
/** Milliseconds that it may then continue to work before it is restarted. */
const restartAfter = 30_000;

/** Ends messages that have expired, and turns in which the agent is silent for too long. Uses one timer for all. */
export class Timers {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #ends: TurnEnds;
  #at = Number.POSITIVE_INFINITY;
  #cancel: Cancel | undefined;

  constructor(context: Context, talk: TalkState, ends: TurnEnds) {
    this.#context = context;
    this.#talk = talk;
    this.#ends = ends;
    talk.signals.on('check', (at) => this.#wake(at));
  }

  /** Checks everything at this time or earlier. */
  #wake(at: number): void {
    if (at >= this.#at) return;
    this.#cancel?.();
    this.#at = at;
    const { clock } = this.#context;
    this.#cancel = clock.after(Math.min(longest, Math.max(0, at - clock.now())), () => this.#sweep());
  }

  stop(): void {
    this.#cancel?.();
    this.#at = 0;
  }

  #sweep(): void {
    this.#at = Number.POSITIVE_INFINITY;
    const now = this.#context.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const open of [...this.#talk.opens.values()]) next = Math.min(next, this.#check(open, now));
    for (const link of this.#talk.links.values()) next = Math.min(next, this.#givenUp(link, now));
    if (next !== Number.POSITIVE_INFINITY) this.#wake(Math.max(next, now + 10));
  }

  /** Restarts an agent that keeps working on a turn that was given up. Returns when to check again. */
  #givenUp(link: Link, now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { record } of this.#talk.box(keyOf(link.target)).working(link.target.uid)) {
      const { message, since } = record.working ?? { message: '', since: now };
      const at = since + restartAfter;
      if (at <= now)
        link.fail(
          'CancelIgnored',
          `It goes on with message ${message}, which was broken off ${Math.round((now - since) / 1_000)} s ago and more.`,
        );
      else next = Math.min(next, at);
    }
    return next;
  }

  /** Returns when to check the message again. */
  #check(open: Open, now: number): number {
    const { message, thread } = open;
    if (open.cancellation !== undefined && open.cancellation.reason !== 'Uncertain') {
      open.cancellation.at ??= now;
      if (now < open.cancellation.at + patience) return open.cancellation.at + patience;
      this.#ends.giveUp(open);
      return Number.POSITIVE_INFINITY;
    }
    if (message.expiresAt <= now) {
      const waited =
        thread.current === open ? 'The agent had not ended its turn' : 'No instance had taken it';
      this.#ends.cancel(open, { reason: 'Timeout', message: `${waited} before the timeout.` });
      return now + patience;
    }
    if (thread.current !== open || message.state === 'Pending') return message.expiresAt;
    const agent = this.#context.agent(keyOf(message));
    if (agent === undefined) return message.expiresAt;
    const { inactivityTimeout } = this.#context.rules(agent);
    if (open.tools.size > 0) return Math.min(message.expiresAt, now + inactivityTimeout);
    const silent = open.heardAt + inactivityTimeout;
    if (silent > now) return Math.min(message.expiresAt, silent);
    const seconds = Math.round(inactivityTimeout / 1_000);
    this.#ends.cancel(open, { reason: 'Inactive', message: `The agent was silent for ${seconds} s.` });
    return now + patience;
  }
}
