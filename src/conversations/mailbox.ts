import type { Open, Thread } from './open-message.ts';

/** An instance that can take messages. */
export interface Taker {
  uid: string;
  ordinal: number;
  /** How many more conversations it can work on. */
  free: number;
}

/**
 * The open messages of one Agent. Synchronous and independent of the journal.
 *
 * A message is in exactly one place:
 * - waiting behind others of its thread;
 * - as the head of its thread, in the lane of the instance that has the conversation, or in the lane of messages that
 *   any instance may take;
 * - as the current message of its thread.
 */
export class Mailbox {
  /** Number of waiting messages. */
  waiting = 0;
  readonly #anyone = new Lane();
  readonly #lanes = new Map<string, Lane>();
  /** Number of open conversations, by the uid of their instance. */
  readonly #bound = new Map<string, number>();
  readonly #current = new Map<string, Set<Open>>();
  /** Threads that are held, by the uid of the instance: their sessions still work on something. */
  readonly #held = new Map<string, Set<Thread>>();
  /** Number of messages behind heads, by the uid of the instance. */
  readonly #behind = new Map<string, number>();

  /** Number of waiting heads that any instance may take. */
  get forAnyone(): number {
    return this.#anyone.size;
  }

  /** Number of messages that wait for this instance only. */
  waitingFor(uid: string): number {
    return (this.#lanes.get(uid)?.size ?? 0) + (this.#behind.get(uid) ?? 0);
  }

  /** Returns the messages that the instance works on. */
  current(uid: string): ReadonlySet<Open> {
    return this.#current.get(uid) ?? nobody;
  }

  /** Returns the threads whose turn was given up, but that the instance may still work on. */
  working(uid: string): Thread[] {
    return [...(this.#held.get(uid) ?? [])].filter(({ record }) => record.working !== undefined);
  }

  /** Delivers no message of the thread until `letGo`. Call this only while none of its messages is in a lane. */
  hold(thread: Thread): void {
    const { uid = '' } = thread.record;
    const held = this.#held.get(uid) ?? new Set();
    this.#held.set(uid, held.add(thread));
  }

  letGo(thread: Thread): void {
    for (const [uid, held] of this.#held) {
      if (!held.delete(thread)) continue;
      if (held.size === 0) this.#held.delete(uid);
      if (thread.current === undefined) this.#promote(thread);
    }
  }

  conversations(uid: string): number {
    return this.#bound.get(uid) ?? 0;
  }

  /** An open conversation was bound to an instance (1) or left it (-1). */
  count(uid: string, by: 1 | -1): void {
    const count = this.conversations(uid) + by;
    if (count <= 0) this.#bound.delete(uid);
    else this.#bound.set(uid, count);
  }

  /** Adds a waiting message, at its place in the order of its thread. */
  add(open: Open): void {
    const { thread } = open;
    this.waiting += 1;
    const head = thread.waiting[0];
    let at = thread.waiting.length;
    while (at > 0 && (thread.waiting[at - 1]?.order ?? 0) > open.order) at -= 1;
    const free = this.#isFree(thread);
    if (at === 0 && head !== undefined && free) {
      this.#lane(thread).remove(head);
      this.#note(thread, 1);
    }
    thread.waiting.splice(at, 0, open);
    if (at === 0 && free) this.#lane(thread).add(open);
    else this.#note(thread, 1);
  }

  /** Returns the next delivery, if any: the oldest message for which an instance is free. */
  next(takers: readonly Taker[]): { open: Open; taker: Taker } | undefined {
    let best: { open: Open; taker: Taker } | undefined;
    const anyone = this.#anyone.peek();
    for (const taker of takers) {
      if (taker.free <= 0) continue;
      const own = this.#lanes.get(taker.uid)?.peek();
      if (own !== undefined && (best === undefined || own.order < best.open.order))
        best = { open: own, taker };
    }
    if (anyone !== undefined && (best === undefined || anyone.order < best.open.order)) {
      const taker = this.#least(takers);
      if (taker !== undefined) return { open: anyone, taker };
    }
    return best;
  }

  /** Gives the head of a thread to an instance. */
  begin(open: Open, uid: string): void {
    const { thread } = open;
    this.#lane(thread).remove(open);
    thread.waiting.shift();
    this.#note(thread, -thread.waiting.length);
    this.waiting -= 1;
    thread.current = open;
    open.delivery += 1;
    this.bind(thread, uid);
    this.#note(thread, thread.waiting.length);
    const current = this.#current.get(uid) ?? new Set();
    this.#current.set(uid, current.add(open));
  }

  /** Binds the thread to this instance. Call this only while none of its messages is in a lane. */
  bind(thread: Thread, uid: string | undefined): void {
    const { record } = thread;
    if (record.uid === uid) return;
    if (record.uid !== undefined) this.count(record.uid, -1);
    if (uid !== undefined) this.count(uid, 1);
    thread.record = { ...record, uid };
  }

  /**
   * The instance of the thread is gone, and its session too. Call this only while none of its messages is in a lane.
   */
  leave(thread: Thread): void {
    this.bind(thread, undefined);
    thread.record = { ...thread.record, session: undefined, sessionRun: undefined };
  }

  /** The current message is no longer with its instance: it has ended, or `add` follows. */
  end(open: Open): void {
    const { thread } = open;
    if (thread.current !== open) return;
    thread.current = undefined;
    open.delivery += 1;
    for (const [uid, current] of this.#current)
      if (current.delete(open) && current.size === 0) this.#current.delete(uid);
    this.#promote(thread);
  }

  /** Removes a waiting message. */
  remove(open: Open): void {
    const { thread } = open;
    const at = thread.waiting.indexOf(open);
    if (at < 0) return;
    const wasHead = at === 0 && this.#isFree(thread);
    thread.waiting.splice(at, 1);
    this.waiting -= 1;
    if (wasHead) {
      this.#lane(thread).remove(open);
      this.#promote(thread);
    } else this.#note(thread, -1);
  }

  /** The instance is gone: any instance may take its conversations. Returns the threads that waited for it. */
  release(uid: string): Thread[] {
    const threads: Thread[] = [];
    for (const thread of [...(this.#held.get(uid) ?? [])]) {
      if (thread.record.working !== undefined) threads.push(thread);
      thread.record = { ...thread.record, working: undefined };
      this.letGo(thread);
    }
    for (let lane = this.#lanes.get(uid), head = lane?.peek(); head !== undefined; head = lane?.peek()) {
      const { thread } = head;
      lane?.remove(head);
      this.#note(thread, 1 - thread.waiting.length);
      this.leave(thread);
      this.#note(thread, thread.waiting.length - 1);
      this.#anyone.add(head);
      if (!threads.includes(thread)) threads.push(thread);
    }
    this.#lanes.delete(uid);
    this.#bound.delete(uid);
    return threads;
  }

  /** Whether the head of the thread is in a lane. */
  #isFree(thread: Thread): boolean {
    return thread.current === undefined && !this.#isHeld(thread);
  }

  #isHeld(thread: Thread): boolean {
    return this.#held.size > 0 && this.#held.values().some((held) => held.has(thread));
  }

  #promote(thread: Thread): void {
    const [head] = thread.waiting;
    if (head === undefined || this.#isHeld(thread)) return;
    this.#note(thread, -1);
    this.#lane(thread).add(head);
  }

  #lane({ record }: Thread): Lane {
    if (record.uid === undefined) return this.#anyone;
    const lane = this.#lanes.get(record.uid) ?? new Lane();
    this.#lanes.set(record.uid, lane);
    return lane;
  }

  /** Adds `by` to the number of messages behind the head. */
  #note({ record }: Thread, by: number): void {
    if (record.uid === undefined || by === 0) return;
    const count = (this.#behind.get(record.uid) ?? 0) + by;
    if (count <= 0) this.#behind.delete(record.uid);
    else this.#behind.set(record.uid, count);
  }

  #least(takers: readonly Taker[]): Taker | undefined {
    let best: Taker | undefined;
    for (const taker of takers) {
      if (taker.free <= 0) continue;
      const fewer = this.conversations(taker.uid) - (best === undefined ? 0 : this.conversations(best.uid));
      if (best === undefined || fewer < 0 || (fewer === 0 && taker.ordinal < best.ordinal)) best = taker;
    }
    return best;
  }
}

const nobody: ReadonlySet<Open> = new Set();

/** Messages in the order of acceptance. Nearly all are added at the end and taken from the front. */
export class Lane {
  /** Sorted by `order`. Those before #first are gone. */
  #items: (Open | undefined)[] = [];
  #first = 0;

  get size(): number {
    return this.#items.length - this.#first;
  }

  peek(): Open | undefined {
    return this.#items[this.#first];
  }

  add(open: Open): void {
    let at = this.#items.length;
    while (at > this.#first && (this.#items[at - 1]?.order ?? 0) > open.order) at -= 1;
    this.#items.splice(at, 0, open);
  }

  remove(open: Open): boolean {
    if (this.peek() === open) {
      this.#items[this.#first] = undefined;
      this.#first += 1;
      if (this.#first > 1_000 && this.#first * 2 > this.#items.length) {
        this.#items = this.#items.slice(this.#first);
        this.#first = 0;
      }
      return true;
    }
    const at = this.#items.indexOf(open, this.#first);
    if (at < 0) return false;
    this.#items.splice(at, 1);
    return true;
  }
}
