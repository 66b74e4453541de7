import type { RuntimeStatus } from '../api/objects.ts';
import type { Want } from '../plan/action.ts';
import type { Place } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import type { Cache } from './cache.ts';

export interface AdmissionParts {
  cache: Cache;
  clock: Clock;
  enqueueAgent: (key: string) => void;
  enqueueRuntime: (name: string) => void;
  enqueueAt: (name: string, at: number) => void;
}

export class Admission {
  readonly grants = new Set<string>();
  readonly places = new Map<string, Place>();
  readonly #wants = new Map<string, readonly Want[]>();

  constructor(_parts: AdmissionParts) {}

  ask(key: string, wants: readonly Want[]): boolean {
    for (const { uid } of this.#wants.get(key) ?? []) this.grants.delete(uid);
    this.#wants.set(key, wants);
    for (const { uid } of wants) this.grants.add(uid);
    return wants.length > 0;
  }

  settled(_key: string): void {}

  forget(key: string): void {
    this.#wants.delete(key);
  }

  of(_name: string): {
    running: number;
    queued: number;
    breaker: NonNullable<RuntimeStatus['breaker']>;
    resumedAt?: string;
  } {
    return { running: 0, queued: 0, breaker: { state: 'Closed' } };
  }
}
