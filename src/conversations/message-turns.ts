import type { Instance } from '../api/objects.ts';
import type { Entry, MessageChange } from '../messages/journal.ts';
import type { Message } from '../messages/message.ts';
import type { TurnEvent, TurnResult, Usage } from '../protocols/turn-events.ts';
import { accountFault } from './agent-account.ts';
import type { Link } from './link.ts';
import { bounded, keyOf, type Open, type Thread } from './open-message.ts';
import type { Context, Rules } from './ports.ts';
import { spendingOf } from './spending.ts';
import type { TalkState } from './talk-state.ts';
import { withTold } from './thread-sessions.ts';

/** Milliseconds that the end of a turn waits at most for later events of the turn. */
const mostTrailing = 2_000;
/** Milliseconds that the next turn waits, if the agent has reported events after the end of a turn. */
const settling = 10_000;
/** Milliseconds after which a turn that was given up is checked first. */
const checkSoon = 1_000;
/** Milliseconds: delays before a busy session is asked again, and the time after which the instance is restarted. */
const busy = { from: 1_000, most: 10_000, bound: 60_000 };

/** Events that show that the agent has begun with a message. */
const effects: ReadonlySet<TurnEvent['type']> = new Set(['text', 'thought', 'tool', 'background', 'other']);

/** What happens to delivered messages: follows their turns, ends each once, and resumes after a crash. */
export class Turns {
  readonly #context: Context;
  readonly #talk: TalkState;

  constructor(context: Context, talk: TalkState) {
    this.#context = context;
    this.#talk = talk;
  }

  /** Returns the message whose turn the run works on. Undefined if the turn is over or belongs to another run. */
  current(link: Link, id: string | undefined): Open | undefined {
    const open = id === undefined ? undefined : this.#talk.opens.get(id);
    if (open?.thread.current !== open) return undefined;
    const { uid, run } = open?.message ?? {};
    return uid === link.target.uid && run === link.target.run && open?.message.state !== 'Pending'
      ? open
      : undefined;
  }

  event(link: Link, id: string | undefined, event: TurnEvent): void {
    const open = this.current(link, id);
    if (open === undefined) return;
    const entries: Entry[] = this.#talk.events.add(open, event);
    if (!open.message.produced && effects.has(event.type)) {
      Object.assign(open.message, { produced: true, written: true });
      entries.push({ type: 'Change', id: open.message.id, set: { produced: true, written: true } });
    }
    link.push(entries);
  }

  acknowledged(link: Link, id: string): void {
    const open = this.current(link, id);
    if (open?.message.state !== 'Delivered') return;
    Object.assign(open.message, { state: 'Acknowledged', written: true });
    open.heardAt = this.#context.clock.now();
    link.push([{ type: 'Change', id, set: { state: 'Acknowledged', written: true } }], () =>
      this.#talk.changed('Message', id),
    );
  }

  usage(link: Link, id: string | undefined, usage: Usage): void {
    const open = this.current(link, id);
    if (open !== undefined) open.reports[usage.counts] = { ...open.reports[usage.counts], ...usage };
  }

  /** Handles an event after the end of a turn: it becomes part of the turn, or is stored behind it. */
  after(link: Link, whose: { message?: string | undefined; session?: string | undefined }, event: TurnEvent) {
    const { message } = whose;
    const open = this.current(link, message);
    const { uid } = link.target;
    const isWorking = this.#talk
      .box(keyOf(link.target))
      .working(uid)
      .some(({ record }) => record.working?.message === message);
    if (link.protocol.capabilities.trailing > 0 && effects.has(event.type) && !isWorking)
      link.speaksLate = true;
    if (open === undefined) return link.push(this.#talk.events.late(link.target, whose, event));
    this.event(link, message, event);
    if (open.ending !== undefined) this.#end(open, open.ending.result, link);
  }

  ended(link: Link, id: string, given: TurnResult) {
    const open = this.current(link, id);
    if (open === undefined || open.ending !== undefined) return;
    const isBusy = given.state === 'Failed' && given.reason === 'Busy';
    if (isBusy && open.cancellation === undefined && !open.message.produced)
      return this.#askLater(open, given.message, link);
    const result: TurnResult = isBusy ? { ...given, reason: 'AgentError' } : given;
    // If the message may never have been sent, the agent does not work on it.
    const isSent = open.cancellation?.reason !== 'Uncertain' || open.message.produced;
    if (result.state === 'Failed' && result.working === true && isSent) this.#hold(open, link);
    const isDone = result.state === 'Completed' && result.stopReason !== 'cancelled';
    // Sent again, it would request the same permission again.
    if (open.denied !== undefined && result.state === 'Completed' && !isDone && !isCancelled(open))
      return this.finish(open, { state: 'Failed', reason: 'PermissionDenied', error: open.denied }, link);
    if (open.cancellation?.reason === 'Uncertain' && !isDone)
      return open.message.produced
        ? this.interrupt(open, open.cancellation.message, link)
        : this.requeue(open, link);
    // The agent cancelled it by itself, or a cancellation before a restart is confirmed.
    if (open.cancellation === undefined && result.state === 'Completed' && !isDone)
      return this.interrupt(open, 'the agent cancelled it', link);
    // Some agents end a cancelled turn like any other.
    if (open.cancellation !== undefined && open.cancellation.reason !== 'Uncertain')
      return this.finish(open, cancelledEnd(open), link);
    if (result.state === 'Failed') {
      const fault = accountFault(result, this.#context.clock.now());
      if (fault !== undefined) link.accountFails(fault);
      const reason = fault?.reason ?? result.reason;
      return this.finish(open, { state: 'Failed', reason, error: result.message }, link);
    }
    this.#end(open, result, link);
  }

  /** Waits for later events of the turn, then completes the message. */
  #end(open: Open, result: Extract<TurnResult, { state: 'Completed' }>, link: Link) {
    const { trailing } = link.protocol.capabilities;
    if (trailing === 0) return this.#complete(open, result, link);
    const { clock } = this.#context;
    const now = clock.now();
    const since = open.ending?.since ?? now;
    if (open.ending === undefined) {
      const stopReason = result.stopReason ?? 'end_turn'; // after a restart it shows that the turn has ended
      open.message.stopReason = stopReason;
      link.push([{ type: 'Change', id: open.message.id, set: { stopReason } }]);
    }
    open.ending?.cancel();
    const cancel = clock.after(Math.max(0, Math.min(trailing, since + mostTrailing - now)), () => {
      if (this.#talk.opens.get(open.message.id) === open) this.#complete(open, result, link);
    });
    open.ending = { result, since, cancel };
  }

  #complete(open: Open, result: Extract<TurnResult, { state: 'Completed' }>, link: Link | undefined): void {
    open.ending?.cancel();
    open.ending = undefined;
    const { stopReason } = result;
    this.#noteContext(open, stopReason);
    link?.facts.toolsDue();
    link?.facts.accountWorks();
    if (link?.speaksLate === true) this.#settle(open.thread);
    const answer = bounded(result.answer) ?? open.text.toString() + (open.half === '' ? '' : '\ufffd');
    const end = { answer, stopReason, ...shortfall(open, stopReason, answer) };
    if (end.reason === undefined && link !== undefined)
      open.thread.record = withTold(open.thread.record, link.settings);
    this.finish(open, { state: end.reason === undefined ? 'Completed' : 'Failed', ...end }, link);
  }

  /** Keeps what the agent says after the end of this turn out of the next one. */
  #settle(thread: Thread): void {
    const key = keyOf(thread.record);
    const box = this.#talk.box(key);
    thread.settling = true;
    box.hold(thread);
    this.#context.clock.after(settling, () => {
      thread.settling = false;
      if (thread.record.working !== undefined) return;
      box.letGo(thread);
      this.#talk.signals.emit('due', key);
    });
  }

  /** The agent may still work on the turn. Until it stops, its conversation accepts no turn. */
  #hold({ message, thread }: Open, link: Link): void {
    thread.record = {
      ...thread.record,
      working: {
        message: message.id,
        attempt: message.deliveredAt ?? 0,
        run: link.target.run,
        since: this.#context.clock.now(),
      },
    };
    this.#talk.box(keyOf(message)).hold(thread);
    link.push([{ type: 'Conversation', conversation: thread.record }]);
    this.#talk.signals.emit('check', this.#context.clock.now() + checkSoon);
  }

  /** The agent no longer works on a turn that was given up. */
  released(link: Link, id: string): void {
    for (const thread of this.#talk.box(keyOf(link.target)).working(link.target.uid))
      if (thread.record.working?.message === id) this.#letGo(thread, link);
  }

  /** The instance works on no turn of these runs any more. */
  over(uid: string, key: string, isOver: (run: number) => boolean, link?: Link): void {
    for (const thread of this.#talk.box(key).working(uid))
      if (isOver(thread.record.working?.run ?? 0)) this.#letGo(thread, link);
  }

  #letGo(thread: Thread, link: Link | undefined): void {
    const key = keyOf(thread.record);
    thread.record = { ...thread.record, working: undefined };
    const entries: Entry[] = [{ type: 'Conversation', conversation: thread.record }];
    if (link === undefined) this.#talk.writer.note(entries);
    else link.push(entries);
    if (thread.settling !== true) this.#talk.box(key).letGo(thread);
    this.#talk.signals.emit('due', key);
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
    const set: MessageChange = {
      state: 'Pending',
      written: false,
      attempts: Math.max(0, message.attempts - 1),
    };
    Object.assign(message, set);
    link.push([{ type: 'Change', id: message.id, set }], () => this.#talk.changed('Message', message.id));
    clock.after(Math.min(busy.most, busy.from + since / 2), () => {
      if (open.delivery === delivery) this.requeue(open);
    });
  }

  #noteContext(open: Open, stopReason: string | undefined): void {
    const { thread, reports } = open;
    const agent = this.#context.agent(keyOf(open.message));
    if (agent === undefined || this.#context.rules(agent).onContextFull !== 'New') return;
    const { used = 0, size = 0 } = reports.Session?.context ?? reports.Turn?.context ?? {};
    if (stopReason === 'max_tokens' || (size > 0 && used >= size * 0.95))
      thread.record = { ...thread.record, renew: true };
  }

  /** Ends a message, once. Its entries are written with the line that reported the end, if there is one. */
  finish(
    open: Open,
    end: Pick<Message, 'answer' | 'stopReason' | 'reason' | 'error'> & {
      state: 'Completed' | 'Failed' | 'Expired';
    },
    link?: Link,
  ): void {
    const { message, thread } = open;
    const { opens, writer } = this.#talk;
    const key = keyOf(message);
    const box = this.#talk.box(key);
    const now = this.#context.clock.now();
    const begun = message.state !== 'Pending';
    const { entries, spent, conversation } = spendingOf(open, thread.record, { now, begun });
    const set: MessageChange = {
      ...(open.cancellation === undefined ? {} : { reason: undefined, error: undefined }),
      ...end,
      endedAt: now,
      ...(spent === undefined ? {} : { spent }),
    };
    Object.assign(message, set);
    if (thread.current === open) box.end(open);
    else box.remove(open);
    opens.delete(message.id);
    this.#talk.events.ended(open);
    thread.record = { ...conversation, activeAt: now };
    const { single, state } = thread.record;
    if (single && state === 'Open' && thread.waiting.length === 0) this.close(thread, 'Answered');
    const all: Entry[] = [
      { type: 'Change', id: message.id, set },
      ...entries,
      { type: 'Conversation', conversation: thread.record },
    ];
    const told = (): void => {
      this.#talk.changed('Message', message.id);
      this.#talk.changed('Conversation', thread.record.id);
      this.#talk.signals.emit('ended', message);
    };
    if (link === undefined) writer.write(all).then(told, (error) => this.#refused(message.id, error));
    else link.push(all, told);
    this.#talk.signals.emit('due', key);
  }

  #refused(id: string, error: unknown): void {
    this.#context.log.error({ err: error, message: id }, 'the end of a message was not journalled');
  }

  /** Closes the conversation: it accepts no more messages. */
  close(thread: Thread, reason: string): void {
    const { record } = thread;
    const link = this.#talk.links.get(record.uid ?? '');
    this.#talk.box(keyOf(record)).bind(thread, undefined);
    thread.record = { ...thread.record, uid: record.uid, state: 'Closed', reason };
    if (record.session !== undefined && record.sessionRun === link?.target.run)
      link?.connection?.closeSession(record.session);
  }

  /** Makes the message wait again, ahead of later ones. The attempt does not count. */
  requeue(open: Open, link?: Link) {
    const { message } = open;
    if (open.ending !== undefined) return this.#complete(open, open.ending.result, link);
    if (open.cancellation !== undefined && open.cancellation.reason !== 'Uncertain')
      return this.finish(open, cancelledEnd(open), link);
    const attempts = Math.max(0, message.attempts - (message.state === 'Pending' ? 0 : 1));
    this.#wait(open, { attempts }, link);
  }

  #wait(open: Open, set: MessageChange, link: Link | undefined): void {
    const { message, thread } = open;
    const key = keyOf(message);
    const box = this.#talk.box(key);
    const begun = message.state !== 'Pending' && (message.written || message.produced);
    const account = spendingOf(open, thread.record, { now: this.#context.clock.now(), begun });
    const { spent } = account;
    const change: MessageChange = {
      ...{ ...set, state: 'Pending', written: false, spent },
      ...{ reason: undefined, error: undefined },
    };
    Object.assign(message, change);
    thread.record = account.conversation;
    open.reports = {};
    open.cancellation = undefined;
    open.tools.clear();
    this.#talk.signals.emit('turnOver', message.id, 'Cancelled');
    box.end(open);
    box.add(open);
    const entries: Entry[] = [{ type: 'Change', id: message.id, set: change }, ...account.entries];
    if (account.entries.length > 0) entries.push({ type: 'Conversation', conversation: thread.record });
    const told = (): void => this.#talk.changed('Message', message.id);
    if (link === undefined)
      this.#talk.writer.write(entries).then(told, (error) => this.#refused(message.id, error));
    else link.push(entries, told);
    this.#talk.signals.emit('due', key);
  }

  /**
   * Handles an interrupted turn as the policy says. `unread`: the last output of the agent is lost, so the turn may
   * have had any effect.
   */
  interrupt(open: Open, why: string, link?: Link, { unread = false } = {}) {
    const { message } = open;
    if (open.ending !== undefined) return this.#complete(open, open.ending.result, link);
    if (unread) message.produced = true;
    const agent = this.#context.agent(keyOf(message));
    if (open.cancellation !== undefined && open.cancellation.reason !== 'Uncertain')
      return this.finish(open, cancelledEnd(open), link);
    if (agent === undefined)
      return this.finish(
        open,
        { state: 'Failed', reason: 'AgentDeleted', error: 'The Agent was deleted.' },
        link,
      );
    const next = afterInterruption(message, this.#context.rules(agent), {
      why,
      stopping: link?.stopping === true,
    });
    if ('state' in next) return this.finish(open, next, link);
    this.#wait(open, next, link);
  }

  /** A run has ended, and all its output was handled. */
  drained(link: Link, instance: Instance | undefined): void {
    const exit = instance?.status?.lastExit;
    const how =
      exit?.run === link.target.run && exit.code !== undefined ? ` with exit code ${exit.code}` : '';
    const why = `run ${link.target.run} of ${link.target.instance} ended${how}`;
    const box = this.#talk.box(keyOf(link.target));
    this.over(link.target.uid, keyOf(link.target), (run) => run === link.target.run, link);
    for (const open of [...box.current(link.target.uid)]) {
      if (open.message.state === 'Pending') this.requeue(open, link);
      else if (open.message.run === link.target.run) this.interrupt(open, why, link, link);
    }
  }

  /** Cancels a message. If an instance works on it, it ends when the agent confirms. */
  cancel(open: Open, cancellation: NonNullable<Open['cancellation']>) {
    if (open.ending !== undefined) return; // it has ended already
    if (open.cancellation !== undefined && open.cancellation.reason !== 'Uncertain') return;
    open.cancellation = { at: this.#context.clock.now(), ...cancellation };
    const { reason, message: error } = cancellation;
    Object.assign(open.message, { reason, error });
    if (open.thread.current !== open) return this.finish(open, cancelledEnd(open));
    const { uid = '', run, written, id } = open.message;
    const link = this.#talk.links.get(uid);
    // The next message uses the session that is being opened.
    const begun = open.message.state !== 'Pending';
    if (!begun || (link?.connection === undefined && !this.#isUp(uid, run)))
      return this.finish(open, cancelledEnd(open));
    this.#talk.signals.emit('turnOver', id, reason);
    this.#talk.writer.note([{ type: 'Change', id, set: { reason, error } }]); // known after a restart
    if (written) link?.connection?.cancel(id);
  }

  /** Whether the run is running, even if it is not connected yet. */
  #isUp(uid: string, run: number | undefined): boolean {
    const status = this.#context.instance(uid)?.status;
    return status?.run !== undefined && status.run.number === run && status.lastExit?.run !== run;
  }

  /** After a restart of the controller: ends messages that were cancelled before their delivery. */
  restored(): void {
    for (const open of [...this.#talk.opens.values()]) {
      const { stopReason } = open.message;
      if (open.thread.current === open && stopReason !== undefined)
        this.#complete(open, { state: 'Completed', stopReason }, undefined);
      else if (open.cancellation !== undefined && open.thread.current !== open)
        this.finish(open, cancelledEnd(open));
    }
  }

  /** Ends a cancelled message that the agent has not confirmed. */
  giveUp(open: Open): void {
    const link = this.#talk.links.get(open.message.uid ?? '');
    const begun = open.thread.current === open && open.message.written;
    if (link !== undefined && link.state !== 'Drained' && begun && link.protocol.capabilities.trailing > 0)
      this.#hold(open, link);
    this.finish(open, cancelledEnd(open), link);
  }
}

const isCancelled = ({ cancellation }: Open): boolean =>
  cancellation !== undefined && cancellation.reason !== 'Uncertain';

/** Returns the end of a cancelled message. */
export function cancelledEnd({ cancellation }: Open): {
  state: 'Failed' | 'Expired';
  reason: string;
  error: string;
} {
  const { reason, message: error } = cancellation ?? { reason: 'Cancelled', message: 'It was cancelled.' };
  return { state: reason === 'Timeout' ? 'Expired' : 'Failed', reason, error };
}

/** Returns why a turn that ended by itself did not do what was asked. */
function shortfall(
  { message, acted }: Open,
  stopReason: string | undefined,
  answer: string,
): { reason?: string; error?: string } {
  switch (stopReason) {
    case 'refusal':
      return { reason: 'Refusal', error: 'The agent refused to go on.' };
    case 'max_tokens':
      return { reason: 'MaxTokens', error: 'The answer was cut at the most tokens that it may have.' };
    case 'max_turn_requests':
      return {
        reason: 'MaxTurnRequests',
        error: 'The agent stopped at the most requests to its model that a turn may have.',
      };
    default: {
      // A turn may do its work without a word, but a question needs an answer.
      const isEmpty = answer.trim() === '' && (!acted || message.kind === 'Route');
      return isEmpty ? { reason: 'EmptyAnswer', error: 'The agent ended its turn without an answer.' } : {};
    }
  }
}

/** The message either waits again with this number of attempts, or has failed. */
type Next =
  | { attempts: number; interrupted: string | undefined }
  | { state: 'Failed'; reason: 'MaxAttempts' | 'Interrupted'; error: string };

/**
 * Returns what happens to a message whose turn was interrupted. If it has had no effect, it is sent again. `stopping`:
 * we stopped the instance, so the message is not to blame.
 */
export function afterInterruption(
  { id, attempts, produced, interrupted }: Pick<Message, 'id' | 'attempts' | 'produced' | 'interrupted'>,
  { maxAttempts, onInterrupted }: Pick<Rules, 'maxAttempts' | 'onInterrupted'>,
  { why, stopping }: { why: string; stopping: boolean },
): Next {
  const counted = stopping ? Math.max(0, attempts - 1) : attempts;
  if (counted >= maxAttempts) {
    const error = `It was delivered ${attempts} times, and each time the turn was interrupted: ${why}. Send it again with agentctl messages retry ${id}.`;
    return { state: 'Failed', reason: 'MaxAttempts', error };
  }
  // An earlier attempt may have had effects.
  if (!produced) return { attempts: counted, interrupted };
  switch (onInterrupted) {
    case 'Fail':
      return { state: 'Failed', reason: 'Interrupted', error: `The turn was interrupted: ${why}.` };
    case 'Retry':
      return { attempts: counted, interrupted: undefined };
    case 'Resume':
      return { attempts: counted, interrupted: why };
  }
}
