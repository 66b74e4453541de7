import type { Streams } from '../client/streams.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Registry } from '../registry/registry.ts';
import type { Parser } from '../sources/parsing/parser.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Pushes } from './pushes.ts';
import type { Waiting } from './table.ts';

/** What the handlers are given. */
export interface Parts {
  registry: Registry;
  streams: Streams;
  clock: Clock;
  log: Log;
  /** Of bodies in YAML. */
  parser: Parser;
  /** Of agentctl, as in 0.1.0. */
  version: string;
  /** Watches and logs that are being sent. */
  open: OpenStreams;
  /** How many messages wait for an Agent; absent where nobody knows. */
  waiting?: Waiting | undefined;
  /** What webhooks tell. */
  pushes: Pushes;
}
