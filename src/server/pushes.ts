import { syncAnnotations } from '../api/annotations.ts';
import type { ObjectKey } from '../api/objects.ts';
import { formatTimeMs } from '../api/time.ts';
import type { Cancel, Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Registry } from '../registry/registry.ts';

/** The minimum time between writes to one Sync, in milliseconds. */
const interval = 1_000;

export interface Pending {
  sync: ObjectKey;
  /** Another push came after the write. */
  again: boolean;
  cancel: Cancel;
}

/**
 * Marks Syncs for which webhooks reported a push: annotation agentctl.dev/webhook-received. The last push of many is
 * also written, after the interval, because the look that the first one caused may have been too early for it.
 */
export class Pushes {
  readonly #pending = new Map<string, Pending>();
  /** Writes for which no request waits. */
  readonly #late = new Set<Promise<void>>();
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor({ registry, clock, log }: { registry: Registry; clock: Clock; log: Log }) {
    this.#registry = registry;
    this.#clock = clock;
    this.#log = log;
  }

  /** Resolves once the annotation is written, or is certain to be. */
  async mark(sync: ObjectKey): Promise<void> {
    const id = `${sync.namespace}/${sync.name}`;
    const pending = this.#pending.get(id);
    if (pending !== undefined) {
      pending.again = true;
      return;
    }
    const cancel = this.#clock.after(interval, () => this.#over(id));
    this.#pending.set(id, { sync, again: false, cancel });
    await this.#write(sync);
  }

  /** Writes what is pending, and waits for running writes. */
  async close(): Promise<void> {
    const left = [...this.#pending.values()];
    this.#pending.clear();
    for (const { cancel } of left) cancel();
    for (const { sync, again } of left) if (again) this.#later(sync, this.#write(sync));
    await Promise.all(this.#late);
  }

  #over(id: string): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (pending?.again === true) this.#later(pending.sync, this.mark(pending.sync));
  }

  async #write(sync: ObjectKey): Promise<void> {
    const annotations = { [syncAnnotations.webhook]: formatTimeMs(this.#clock.now()) };
    const patch = { type: 'merge', body: { metadata: { annotations } } } as const;
    await this.#registry.patch('Sync', sync, patch, { fieldManager: 'agentctl-webhook' });
  }

  /** If it fails, the Sync is still checked after its own interval. */
  #later(sync: ObjectKey, written: Promise<void>): void {
    const done = written
      .catch((err) => this.#log.warn({ err, sync }, 'a webhook could not be passed to its Sync'))
      .finally(() => this.#late.delete(done));
    this.#late.add(done);
  }
}
