import { ApiError } from '../api/errors.ts';

/** Says which of several controllers of one API acts. */
export interface LeaderElection {
  /**
   * Resolves to true if this process is the leader, or as soon as it is; to false if the signal aborts before, or if it
   * was the leader and is no more.
   */
  elected(signal: AbortSignal): Promise<boolean>;
  /** Aborted when this process is the leader no more. It is never elected again. Absent: it leads for good. */
  readonly lost?: AbortSignal;
}

export const alwaysLeader: LeaderElection = { elected: () => Promise.resolve(true) };

/** Stands at each port with effects, so that work in progress has none once this process leads no more. */
export class Leadership {
  readonly #election: LeaderElection | undefined;
  #isWon = false;

  constructor(election?: LeaderElection) {
    this.#election = election;
  }

  get lost(): AbortSignal | undefined {
    return this.#election?.lost;
  }

  /** As `elected`. From then on the fenced ports let effects through. */
  async won(signal: AbortSignal): Promise<boolean> {
    this.#isWon = await (this.#election ?? alwaysLeader).elected(signal);
    return this.#isWon;
  }

  /** Returns the port, whose `effects` reject with ApiError ServiceUnavailable while this process does not lead. */
  fence<T extends object>(port: T, effects: readonly (keyof T)[]): T {
    if (this.#election === undefined) return port;
    const leads = (): boolean => this.#isWon && this.lost?.aborted !== true;
    const fenced: ReadonlySet<PropertyKey> = new Set(effects);
    return new Proxy(port, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]): unknown =>
          fenced.has(name) && !leads() ? Promise.reject(notLeading()) : Reflect.apply(value, target, given);
      },
    });
  }
}

const notLeading = (): ApiError =>
  new ApiError('ServiceUnavailable', 'This controller does not lead, so it only answers reads.', {
    remedy: 'Ask the controller that leads.',
    retry: 'Never',
  });
