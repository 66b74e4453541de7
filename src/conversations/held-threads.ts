import type { Conversation } from '../messages/message.ts';
import type { Link } from './link.ts';
import { keyOf, type Open, recordOf, type Thread } from './open-message.ts';
import type { Context, LinkTarget } from './ports.ts';
import type { TalkState } from './talk-state.ts';

/** Milliseconds that the next turn waits, if the agent has reported events after the end of a turn. */
const settling = 10_000;
/** Milliseconds after which a turn that was given up is checked first. */
const checkSoon = 1_000;

/** Keeps conversations from their next turn while the agent may still work on an earlier one. */
export class HeldThreads {
  readonly #context: Context;
  readonly #talk: TalkState;

  constructor(context: Context, talk: TalkState) {
    this.#context = context;
    this.#talk = talk;
  }

  /** Keeps what the agent says after the end of a turn out of the next one. */
  settle(thread: Thread): void {
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
  hold({ message, thread }: Open, link: Link): void {
    const { id, deliveredAt: attempt = 0 } = message;
    const since = this.#context.clock.now();
    thread.record = { ...thread.record, working: { message: id, attempt, run: link.target.run, since } };
    this.#talk.box(keyOf(message)).hold(thread);
    link.push([recordOf(thread)]);
    this.#talk.signals.emit('check', since + checkSoon);
  }

  /** The instance no longer works on turns that were given up: those for which `isOver` returns true. */
  release(
    target: LinkTarget,
    isOver: (working: NonNullable<Conversation['working']>) => boolean,
    link?: Link,
  ): void {
    const key = keyOf(target);
    const box = this.#talk.box(key);
    for (const thread of box.working(target.uid)) {
      const { working } = thread.record;
      if (working === undefined || !isOver(working)) continue;
      thread.record = { ...thread.record, working: undefined };
      this.#talk.record([recordOf(thread)], link);
      if (thread.settling !== true) box.letGo(thread);
      this.#talk.signals.emit('due', key);
    }
  }
}
