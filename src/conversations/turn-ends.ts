import type { Instance } from '../api/objects.ts';
import type { Entry, MessageChange } from '../messages/journal.ts';
import type { Message } from '../messages/message.ts';
import type { TurnResult } from '../protocols/turn-events.ts';
import type { HeldThreads } from './held-threads.ts';
import type { Link } from './link.ts';
import { bounded, change, isCancelled, keyOf, type Open, recordOf, type Thread } from './open-message.ts';
import type { Context, Rules } from './ports.ts';
import { spendingOf } from './spending.ts';
import type { TalkState } from './talk-state.ts';
import { withPromptSent } from './thread-sessions.ts';

/** The result of a turn that ended by itself. */
export type Ended = Extract<TurnResult, { state: 'Completed' }>;

/** Ends each message once, or makes it wait again: after its turn, a cancellation or an interruption. */
export class TurnEnds {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #held: HeldThreads;

  constructor(context: Context, talk: TalkState, held: HeldThreads) {
    this.#context = context;
    this.#talk = talk;
    this.#held = held;
  }

  /** The turn has ended by itself. */
  complete(open: Open, result: Ended, link: Link | undefined): void {
    open.ending?.cancel();
    open.ending = undefined;
    const { stopReason } = result;
    this.#noteContext(open, stopReason);
    link?.facts.toolsDue();
    link?.facts.accountWorks();
    if (link?.speaksLate === true) this.#held.settle(open.thread);
    const answer = bounded(result.answer) ?? open.text.toString() + (open.half === '' ? '' : '\ufffd');
    const end = { answer, stopReason, ...shortfall(open, stopReason, answer) };
    if (end.reason === undefined && link !== undefined)
      open.thread.record = withPromptSent(open.thread.record, link.settings);
    this.finish(open, { state: end.reason === undefined ? 'Completed' : 'Failed', ...end }, link);
  }

  #noteContext({ message, thread, reports }: Open, stopReason: string | undefined): void {
    const agent = this.#context.agent(keyOf(message));
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
    const key = keyOf(message);
    const box = this.#talk.box(key);
    const now = this.#context.clock.now();
    const begun = message.state !== 'Pending';
    const { entries, spent, conversation } = spendingOf(open, thread.record, { now, begun });
    const ended = change(open, { reason: undefined, error: undefined, ...end, endedAt: now, spent });
    if (thread.current === open) box.end(open);
    else box.remove(open);
    this.#talk.opens.delete(message.id);
    this.#talk.events.ended(open);
    thread.record = { ...conversation, activeAt: now };
    const { single, state } = thread.record;
    if (single && state === 'Open' && thread.waiting.length === 0) this.close(thread, 'Answered');
    this.#talk.record([ended, ...entries, recordOf(thread)], link, () => {
      this.#talk.changed('Message', message.id);
      this.#talk.changed('Conversation', thread.record.id);
      this.#talk.signals.emit('ended', message);
    });
    this.#talk.signals.emit('due', key);
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
  requeue(open: Open, link?: Link): void {
    const { attempts, state } = open.message;
    if (!this.#isOver(open, link))
      this.#wait(open, { attempts: Math.max(0, attempts - (state === 'Pending' ? 0 : 1)) }, link);
  }

  /**
   * Handles an interrupted turn as the policy says. `unread`: the last output of the agent is lost, so the turn may
   * have had any effect.
   */
  interrupt(open: Open, why: string, link?: Link, { unread = false } = {}): void {
    const { message } = open;
    if (unread && open.ending === undefined) message.produced = true;
    if (this.#isOver(open, link)) return;
    const agent = this.#context.agent(keyOf(message));
    const next: Next =
      agent === undefined
        ? { state: 'Failed', reason: 'AgentDeleted', error: 'The Agent was deleted.' }
        : afterInterruption(message, this.#context.rules(agent), { why, stopping: link?.stopping === true });
    if ('state' in next) this.finish(open, next, link);
    else this.#wait(open, next, link);
  }

  /** Ends a message whose turn has ended or was cancelled. Returns false for others. */
  #isOver(open: Open, link: Link | undefined): boolean {
    if (open.ending !== undefined) this.complete(open, open.ending.result, link);
    else if (isCancelled(open)) this.finish(open, cancelledEnd(open), link);
    else return false;
    return true;
  }

  #wait(open: Open, set: MessageChange, link: Link | undefined): void {
    const { message, thread } = open;
    const key = keyOf(message);
    const box = this.#talk.box(key);
    const begun = message.state !== 'Pending' && (message.written || message.produced);
    const { entries, spent, conversation } = spendingOf(open, thread.record, {
      now: this.#context.clock.now(),
      begun,
    });
    const waits = { state: 'Pending', written: false, spent, reason: undefined, error: undefined } as const;
    const all: Entry[] = [change(open, { ...set, ...waits }), ...entries];
    thread.record = conversation;
    if (entries.length > 0) all.push(recordOf(thread));
    open.reports = {};
    open.cancellation = undefined;
    open.tools.clear();
    this.#talk.signals.emit('turnOver', message.id, 'Cancelled');
    box.end(open);
    box.add(open);
    this.#talk.record(all, link, () => this.#talk.changed('Message', message.id));
    this.#talk.signals.emit('due', key);
  }

  /** A run has ended, and all its output was handled. */
  drained(link: Link, instance: Instance | undefined): void {
    const { target } = link;
    const exit = instance?.status?.lastExit;
    const how = exit?.run === target.run && exit.code !== undefined ? ` with exit code ${exit.code}` : '';
    const why = `run ${target.run} of ${target.instance} ended${how}`;
    this.#held.release(target, ({ run }) => run === target.run, link);
    for (const open of [...this.#talk.box(keyOf(target)).current(target.uid)]) {
      if (open.message.state === 'Pending') this.requeue(open, link);
      else if (open.message.run === target.run) this.interrupt(open, why, link, link);
    }
  }

  /** Cancels a message. If an instance works on it, it ends when the agent confirms. */
  cancel(open: Open, cancellation: NonNullable<Open['cancellation']>) {
    if (open.ending !== undefined || isCancelled(open)) return; // it has ended already
    open.cancellation = { at: this.#context.clock.now(), ...cancellation };
    const { reason, message: error } = cancellation;
    const cancelled = change(open, { reason, error });
    const { uid = '', run, written, id, state } = open.message;
    const link = this.#talk.links.get(uid);
    // A message that was not begun ends now: the next one uses the session that is being opened.
    const isAtWork = open.thread.current === open && state !== 'Pending';
    if (!isAtWork || (link?.connection === undefined && !this.#isUp(uid, run)))
      return this.finish(open, cancelledEnd(open));
    this.#talk.signals.emit('turnOver', id, reason);
    this.#talk.writer.note([cancelled]); // known after a restart
    if (written) link?.connection?.cancel(id);
  }

  /** Whether the run is running, even if it is not connected yet. */
  #isUp(uid: string, run: number | undefined): boolean {
    const status = this.#context.instance(uid)?.status;
    return status?.run !== undefined && status.run.number === run && status.lastExit?.run !== run;
  }

  /** Ends a cancelled message that the agent has not confirmed. */
  giveUp(open: Open): void {
    const link = this.#talk.links.get(open.message.uid ?? '');
    const begun = open.thread.current === open && open.message.written;
    if (link !== undefined && link.state !== 'Drained' && begun && link.protocol.capabilities.trailing > 0)
      this.#held.hold(open, link);
    this.finish(open, cancelledEnd(open), link);
  }

  /** After a restart of the controller: ends messages that were cancelled before their delivery. */
  restored(): void {
    for (const open of [...this.#talk.opens.values()]) {
      const { stopReason } = open.message;
      if (open.thread.current === open && stopReason !== undefined)
        this.complete(open, { state: 'Completed', stopReason }, undefined);
      else if (open.cancellation !== undefined && open.thread.current !== open)
        this.finish(open, cancelledEnd(open));
    }
  }
}

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
  | { state: 'Failed'; reason: 'MaxAttempts' | 'Interrupted' | 'AgentDeleted'; error: string };

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
