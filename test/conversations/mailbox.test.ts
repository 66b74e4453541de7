import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Mailbox } from '../../src/conversations/mailbox.ts';
import { type Open, openOf, type Thread } from '../../src/conversations/open-message.ts';
import { conversation, message } from '../messages/entries.ts';

const uids = ['u0', 'u1', 'u2'];
const perInstance = 2;

const opened = (thread: Thread, order: number): Open =>
  openOf(message(`${order}`, { conversation: thread.record.id }), thread, { order, now: 0 });

/** A mailbox beside a list of all its messages, of which everything else follows. */
class Pair {
  readonly box = new Mailbox();
  readonly threads: Thread[] = [0, 1, 2, 3].map((n) => ({
    record: conversation(`c${n}`),
    waiting: [],
    current: undefined,
    arriving: 0,
  }));
  waiting: Open[] = [];
  /** With the instance that works on each. */
  readonly current = new Map<Open, string>();
  #order = 0;

  add(thread: number): void {
    const at = this.threads[thread];
    if (at === undefined) return;
    this.#order += 1;
    this.#wait(opened(at, this.#order));
  }

  #wait(open: Open): void {
    this.box.add(open);
    this.waiting = [...this.waiting, open].sort((one, other) => one.order - other.order);
  }

  /** Whose sessions take no turn. */
  readonly held = new Set<Thread>();

  /** As the controller does it: while one of its messages is current. */
  hold(nth: number): void {
    const open = [...this.current.keys()].at(nth % Math.max(1, this.current.size));
    if (open === undefined) return;
    this.box.hold(open.thread);
    this.held.add(open.thread);
  }

  letGo(nth: number): void {
    const thread = [...this.held].at(nth % Math.max(1, this.held.size));
    if (thread === undefined) return;
    this.held.delete(thread);
    this.box.letGo(thread);
  }

  /** The oldest of each conversation that nobody works on, and that is not held. */
  get heads(): Open[] {
    const busy = new Set([...[...this.current.keys()].map(({ thread }) => thread), ...this.held]);
    const seen = new Set<Thread>();
    return this.waiting.filter(({ thread }) => {
      const isHead = !busy.has(thread) && !seen.has(thread);
      seen.add(thread);
      return isHead;
    });
  }

  next(up: readonly string[]): void {
    const takers = up.map((uid, ordinal) => ({ uid, ordinal, free: perInstance - this.#works(uid) }));
    const free = takers.filter((taker) => taker.free > 0);
    const fewest = Math.min(...free.map(({ uid }) => this.#stays(uid)));
    const expected = this.heads.find(({ thread: { record } }) =>
      record.uid === undefined ? free.length > 0 : free.some(({ uid }) => uid === record.uid),
    );
    const home = expected?.thread.record.uid ?? free.find(({ uid }) => this.#stays(uid) === fewest)?.uid;
    const found = this.box.next(takers);
    expect(found?.open.order).toBe(expected?.order);
    if (found === undefined) return;
    expect(found.taker.uid).toBe(home);
    this.box.begin(found.open, found.taker.uid);
    this.waiting = this.waiting.filter((open) => open !== found.open);
    this.current.set(found.open, found.taker.uid);
  }

  end(nth: number, again: boolean): void {
    const open = [...this.current.keys()].at(nth % Math.max(1, this.current.size));
    if (open === undefined) return;
    this.box.end(open);
    this.current.delete(open);
    if (again) this.#wait(open);
  }

  remove(nth: number): void {
    const open = this.waiting[nth % Math.max(1, this.waiting.length)];
    if (open === undefined) return;
    this.box.remove(open);
    this.waiting = this.waiting.filter((one) => one !== open);
  }

  /** As the controller does it: what the instance works on has ended before. */
  release(uid: string): void {
    for (const [open, at] of [...this.current])
      if (at === uid) {
        this.box.end(open);
        this.current.delete(open);
        this.#wait(open);
      }
    for (const thread of [...this.held]) if (thread.record.uid === uid) this.held.delete(thread);
    const lost = this.heads.map(({ thread }) => thread).filter(({ record }) => record.uid === uid);
    expect(new Set(this.box.release(uid))).toEqual(new Set(lost));
    for (const thread of this.threads) if (thread.record.uid === uid) this.box.leave(thread);
  }

  #works = (uid: string): number => [...this.current.values()].filter((at) => at === uid).length;
  #stays = (uid: string): number => this.threads.filter(({ record }) => record.uid === uid).length;

  check(): void {
    const { box, waiting, threads } = this;
    expect(box.waiting).toBe(waiting.length);
    expect(box.forAnyone).toBe(this.heads.filter(({ thread }) => thread.record.uid === undefined).length);
    for (const uid of uids) {
      const own = waiting.filter(({ thread }) => thread.record.uid === uid);
      expect(box.waitingFor(uid)).toBe(own.length);
      expect(box.conversations(uid)).toBe(this.#stays(uid));
      const works = [...this.current].filter(([, at]) => at === uid).map(([open]) => open);
      expect(new Set(box.current(uid))).toEqual(new Set(works));
    }
    for (const thread of threads) {
      expect(thread.waiting).toEqual(waiting.filter((open) => open.thread === thread));
      expect(thread.current).toBe([...this.current.keys()].find((open) => open.thread === thread));
    }
  }
}

type Step = (pair: Pair) => void;
const nth = fc.nat({ max: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.nat({ max: 3 }).map(
      (thread): Step =>
        (pair) =>
          pair.add(thread),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.subarray(uids).map(
      (up): Step =>
        (pair) =>
          pair.next(up),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(nth, fc.boolean()).map(
      ([n, again]): Step =>
        (pair) =>
          pair.end(n, again),
    ),
  },
  {
    weight: 1,
    arbitrary: nth.map(
      (n): Step =>
        (pair) =>
          pair.remove(n),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(nth, fc.boolean()).map(
      ([n, holds]): Step =>
        (pair) =>
          holds ? pair.hold(n) : pair.letGo(n),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...uids).map(
      (uid): Step =>
        (pair) =>
          pair.release(uid),
    ),
  },
);

test('every message is in one place, those of a conversation go in order, to who has it or has the fewest', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pair = new Pair();
      for (const each of steps) {
        each(pair);
        pair.check();
      }
    }),
    { numRuns: 500 },
  );
});
