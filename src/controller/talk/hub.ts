/** Wakes those who follow a message. They read what is new themselves, so a slow one costs nothing. */
export class Hub {
  readonly #waiting = new Map<string, Set<() => void>>();

  changed(message: string): void {
    for (const wake of this.#waiting.get(message) ?? []) wake();
  }

  follow(message: string, signal: AbortSignal): Follower {
    let changed = true;
    let wake: (() => void) | undefined;
    const tell = (): void => {
      changed = true;
      wake?.();
    };
    const all = this.#waiting.get(message) ?? new Set();
    this.#waiting.set(message, all.add(tell));
    signal.addEventListener('abort', tell, { once: true });
    return {
      async next() {
        if (!changed && !signal.aborted)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        changed = false;
      },
      end: () => {
        signal.removeEventListener('abort', tell);
        all.delete(tell);
        if (all.size === 0) this.#waiting.delete(message);
      },
    };
  }
}

export interface Follower {
  /** Resolves when something has changed since the last time, or the signal aborts. */
  next(): Promise<void>;
  end(): void;
}
