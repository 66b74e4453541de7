import type { ObjectKey } from '../api/objects.ts';
import { syncAnnotations } from '../api/sync.ts';
import { formatTimeMs } from '../api/time.ts';
import type { Cancel, Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Registry } from '../registry/registry.ts';

/** Of one Sync there is at most one write in this time. */
const interval = 1_000;

interface Told {
  sync: ObjectKey;
  /** There was another push since the write. */
  again: boolean;
  cancel: Cancel;
}

/**
 * Writes to Syncs that webhooks told of a push: annotation agentctl.dev/webhook-received. The last push of many is
 * written too, once the interval is over: the look that the first one caused may have come too soon for it.
 */
export class Pushes {
  readonly #told = new Map<string, Told>();
  /** Writes that nobody waits for. */
  readonly #late = new Set<Promise<void>>();
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor({ registry, clock, log }: { registry: Registry; clock: Clock; log: Log }) {
    this.#registry = registry;
    this.#clock = clock;
    this.#log = log;
  }

  /** Resolves once it is written, or is sure to be. */
  async tell(sync: ObjectKey): Promise<void> {
    const id = `${sync.namespace}/${sync.name}`;
    const told = this.#told.get(id);
    if (told !== undefined) {
      told.again = true;
      return;
    }
    const cancel = this.#clock.after(interval, () => this.#over(id));
    this.#told.set(id, { sync, again: false, cancel });
    await this.#write(sync);
  }

  /** Writes what still waits, and waits for what is being written. */
  async close(): Promise<void> {
    const left = [...this.#told.values()];
    this.#told.clear();
    for (const { cancel } of left) cancel();
    for (const { sync, again } of left) if (again) this.#later(sync, this.#write(sync));
    await Promise.all(this.#late);
  }

  #over(id: string): void {
    const told = this.#told.get(id);
    this.#told.delete(id);
    if (told?.again === true) this.#later(told.sync, this.tell(told.sync));
  }

  async #write(sync: ObjectKey): Promise<void> {
    const annotations = { [syncAnnotations.webhook]: formatTimeMs(this.#clock.now()) };
    const patch = { type: 'merge', body: { metadata: { annotations } } } as const;
    await this.#registry.patch('Sync', sync, patch, { fieldManager: 'agentctl-webhook' });
  }

  /** Where it fails, the Sync is looked at all the same once its own interval is over. */
  #later(sync: ObjectKey, written: Promise<void>): void {
    const done = written
      .catch((err) => this.#log.warn({ err, sync }, 'a webhook could not be passed to its Sync'))
      .finally(() => this.#late.delete(done));
    this.#late.add(done);
  }
}
