import type { Resources } from '../client/resources.ts';
import type { Streams } from '../client/streams.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

/** What the server is made of; it holds no state of its own but open connections. */
export interface Parts {
  resources: Resources;
  streams: Streams;
  clock: Clock;
  log: Log;
  /** Of agentctl, as in 0.1.0. */
  version: string;
}

/** The registry tells so what the answer to a write does not: it is handed these among the write's options. */
export interface Told {
  /** Unknown fields and the like, with fieldValidation Warn. */
  onWarning(text: string): void;
  /** The write made a new object. */
  onCreated(): void;
}
