import type { Entry } from '../messages/journal.ts';
import type { TurnEvent, TurnResult, Usage } from '../protocols/turn-events.ts';
import { accountFault } from './agent-account.ts';
import type { HeldThreads } from './held-threads.ts';
import type { Link } from './link.ts';
import { change, isCancelled, keyOf, type Open } from './open-message.ts';
import type { Context } from './ports.ts';
import type { TalkState } from './talk-state.ts';
import { cancelledEnd, type Ended, type TurnEnds } from './turn-ends.ts';

/** Milliseconds that the end of a turn waits at most for later events of the turn. */
const mostTrailing = 2_000;
/** Milliseconds: delays before a busy session is asked again, and the time after which the instance is restarted. */
const busy = { from: 1_000, most: 10_000, bound: 60_000 };

/** Events that show that the agent has begun with a message. */
const effects: ReadonlySet<TurnEvent['type']> = new Set(['text', 'thought', 'tool', 'background', 'other']);

/** What agents report about the turns on their messages. */
export class TurnReports {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #ends: TurnEnds;
  readonly #held: HeldThreads;

  constructor(context: Context, talk: TalkState, ends: TurnEnds, held: HeldThreads) {
    this.#context = context;
    this.#talk = talk;
    this.#ends = ends;
    this.#held = held;
  }

  event(link: Link, id: string | undefined, event: TurnEvent): void {
    const open = this.#talk.current(link, id);
    if (open === undefined) return;
    const entries: Entry[] = this.#talk.events.add(open, event);
    if (!open.message.produced && effects.has(event.type))
      entries.push(change(open, { produced: true, written: true }));
    link.push(entries);
  }

  acknowledged(link: Link, id: string): void {
    const open = this.#talk.current(link, id);
    if (open?.message.state !== 'Delivered') return;
    open.heardAt = this.#context.clock.now();
    link.push([change(open, { state: 'Acknowledged', written: true })], () =>
      this.#talk.changed('Message', id),
    );
  }

  usage(link: Link, id: string | undefined, usage: Usage): void {
    const open = this.#talk.current(link, id);
    if (open !== undefined) open.reports[usage.counts] = { ...open.reports[usage.counts], ...usage };
  }

  /** Handles an event after the end of a turn: it becomes part of the turn, or is stored behind it. */
  after(link: Link, whose: { message?: string | undefined; session?: string | undefined }, event: TurnEvent) {
    const { message } = whose;
    const open = this.#talk.current(link, message);
    const isWorking = this.#talk
      .box(keyOf(link.target))
      .working(link.target.uid)
      .some(({ record }) => record.working?.message === message);
    if (link.protocol.capabilities.trailing > 0 && effects.has(event.type) && !isWorking)
      link.speaksLate = true;
    if (open === undefined) return link.push(this.#talk.events.late(link.target, whose, event));
    this.event(link, message, event);
    if (open.ending !== undefined) this.#end(open, open.ending.result, link);
  }

  ended(link: Link, id: string, given: TurnResult) {
    const open = this.#talk.current(link, id);
    if (open === undefined || open.ending !== undefined) return;
    const { cancellation } = open;
    const { produced } = open.message;
    const isBusy = given.state === 'Failed' && given.reason === 'Busy';
    if (isBusy && cancellation === undefined && !produced) return this.#askLater(open, given.message, link);
    const result: TurnResult = isBusy ? { ...given, reason: 'AgentError' } : given;
    const isUncertain = cancellation?.reason === 'Uncertain';
    // If the message may never have been sent, the agent does not work on it.
    if (result.state === 'Failed' && result.working === true && (!isUncertain || produced))
      this.#held.hold(open, link);
    const isDone = result.state === 'Completed' && result.stopReason !== 'cancelled';
    const isBrokenOff = result.state === 'Completed' && !isDone;
    // Sent again, it would request the same permission again.
    if (open.denied !== undefined && isBrokenOff && !isCancelled(open))
      return this.#ends.finish(
        open,
        { state: 'Failed', reason: 'PermissionDenied', error: open.denied },
        link,
      );
    if (isUncertain && !isDone)
      return produced
        ? this.#ends.interrupt(open, cancellation.message, link)
        : this.#ends.requeue(open, link);
    // The agent cancelled it by itself, or a cancellation before a restart is confirmed.
    if (cancellation === undefined && isBrokenOff)
      return this.#ends.interrupt(open, 'the agent cancelled it', link);
    // Some agents end a cancelled turn like any other.
    if (isCancelled(open)) return this.#ends.finish(open, cancelledEnd(open), link);
    if (result.state === 'Completed') return this.#end(open, result, link);
    const fault = accountFault(result, this.#context.clock.now());
    if (fault !== undefined) link.accountFails(fault);
    const reason = fault?.reason ?? result.reason;
    this.#ends.finish(open, { state: 'Failed', reason, error: result.message }, link);
  }

  /** Waits for later events of the turn, then completes the message. */
  #end(open: Open, result: Ended, link: Link) {
    const { trailing } = link.protocol.capabilities;
    if (trailing === 0) return this.#ends.complete(open, result, link);
    const { clock } = this.#context;
    const now = clock.now();
    const since = open.ending?.since ?? now;
    // After a restart, the stop reason shows that the turn has ended.
    if (open.ending === undefined) link.push([change(open, { stopReason: result.stopReason ?? 'end_turn' })]);
    open.ending?.cancel();
    const cancel = clock.after(Math.max(0, Math.min(trailing, since + mostTrailing - now)), () => {
      if (this.#talk.opens.get(open.message.id) === open) this.#ends.complete(open, result, link);
    });
    open.ending = { result, since, cancel };
  }

  /** The session is busy with a turn that is not known here, so the message waits. */
  #askLater(open: Open, why: string, link: Link): void {
    const { message, delivery } = open;
    const { clock } = this.#context;
    const now = clock.now();
    open.busySince ??= now;
    const since = now - open.busySince;
    if (since >= busy.bound)
      link.fail(
        'SessionBusy',
        `It has taken no message in a conversation for ${busy.bound / 1_000} s: ${why}`,
      );
    const attempts = Math.max(0, message.attempts - 1);
    link.push([change(open, { state: 'Pending', written: false, attempts })], () =>
      this.#talk.changed('Message', message.id),
    );
    clock.after(Math.min(busy.most, busy.from + since / 2), () => {
      if (open.delivery === delivery) this.#ends.requeue(open);
    });
  }
}
