import { onTestFinished } from 'vitest';
import { LocalClient } from '../../src/client/local.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createRegistry, type Registry } from '../../src/registry/registry.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';

/** Time that a test moves. */
export class ManualClock implements Clock {
  #now = Date.parse('2026-03-01T12:00:00Z');
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const timer of this.#timers) {
      if (timer.at > this.#now) continue;
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}

export interface Harness {
  store: Store;
  clock: ManualClock;
  registry: Registry;
  client: LocalClient;
  as(manager: string): LocalClient;
}

/** A registry over a store in memory; it is closed when the test ends. */
export async function harness(): Promise<Harness> {
  const clock = new ManualClock();
  const store = openStore(':memory:', { log: silentLog });
  const registry = await createRegistry({ store, clock, ids: randomIds, log: silentLog });
  onTestFinished(() => store.close());
  const as = (manager: string) => new LocalClient(registry, manager);
  return { store, clock, registry, client: as('test'), as };
}
