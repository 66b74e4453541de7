import type { Resources, Tables } from '../client/resources.ts';
import type { Streams } from '../client/streams.ts';
import type { Clock } from '../platform/clock.ts';
import type { Text } from './print/shown.ts';

/** Flags that every verb accepts. */
export interface GlobalOptions {
  namespace?: string;
  stateDir?: string;
  socket?: string;
  requestTimeout?: string;
  utc?: boolean;
  /** False with --no-start. */
  start: boolean;
  debug?: boolean;
}

/** Everything outside that a verb may use. */
export interface Cli {
  clock: Clock;
  environment: Readonly<Record<string, string | undefined>>;
  terminal: Terminal;
  /** Writes to standard output, filtered. */
  out(text: Text): void;
  /** Writes to standard error, filtered. */
  err(text: Text): void;
  /** Reads all of standard input. */
  stdin(): Promise<Uint8Array>;
  /** Returns unfiltered standard input and output for a dialogue, which filters its prompts itself. */
  dialogue(): { input: NodeJS.ReadableStream; output: NodeJS.WritableStream };
  /** Returns the name of the user who runs this. */
  user(): string;
  /** Aborts at Ctrl-C and SIGTERM. A verb that never reads this property is ended by them immediately. */
  signal: AbortSignal;
  /** Whether the signal has aborted. */
  interrupted: boolean;
  /** Connects to the controller. With `start`, starts one in the background if none runs, unless --no-start. */
  connect(options: GlobalOptions, how?: { start?: boolean }): Promise<Client>;
  /** Flags of the command line for commands in messages: see flags.ts. Each flag ends with a space. */
  flags?: { controller: string; namespace: string; verbs: readonly string[] } | undefined;
  /** The verb runs until Ctrl-C, which is then its normal end. */
  lasting?: boolean;
  /** The exit code of the process; 0 at first. */
  exitCode: number;
}

interface Terminal {
  /** Whether standard output, standard error or standard input is a terminal. */
  out: boolean;
  err: boolean;
  in: boolean;
  /** Whether standard output supports color. */
  color: boolean;
  /** The width of standard error's terminal. */
  readonly columns?: number | undefined;
}

export interface Client extends Resources, Streams {
  tables: Tables;
  close(): void;
}
