import type { Resources } from '../client/resources.ts';
import type { Streams } from '../client/streams.ts';
import type { Tables } from '../client/tables.ts';
import type { Clock } from '../platform/clock.ts';
import type { GlobalOptions } from './options.ts';
import type { Text } from './print/shown.ts';

/** Everything that a verb may touch of the world outside. */
export interface Cli {
  clock: Clock;
  environment: Readonly<Record<string, string | undefined>>;
  terminal: Terminal;
  /** To standard output, through the filter. */
  out(text: Text): void;
  /** To standard error, through the filter. */
  err(text: Text): void;
  /** All of standard input. */
  stdin(): Promise<Uint8Array>;
  /** Standard input and output as they are, for a dialogue, which filters its prompts itself. */
  dialogue(): { input: NodeJS.ReadableStream; output: NodeJS.WritableStream };
  /** The name of the user who runs this. */
  user(): string;
  /** Aborts at Ctrl-C and SIGTERM. A verb that never asks for it is ended by them at once. */
  signal: AbortSignal;
  /** Whether the signal has aborted. */
  interrupted: boolean;
  /** With `start` a controller is started in the background where none runs, unless --no-start. */
  connect(options: GlobalOptions, how?: { start?: boolean }): Promise<Client>;
  /** Flags of the command line for commands in messages: see pasteable.ts. Each ends with a space. */
  flags?: { controller: string; namespace: string } | undefined;
  /** The verb lasts until Ctrl-C, which is then its regular end. */
  lasting?: boolean;
  /** What the process ends with; 0 at first. */
  exitCode: number;
}

interface Terminal {
  /** Standard output, standard error, standard input is a terminal. */
  out: boolean;
  err: boolean;
  in: boolean;
  /** Whether standard output takes colour. */
  color: boolean;
  /** Of the terminal that standard error is. */
  readonly columns?: number | undefined;
}

export interface Client extends Resources, Streams {
  tables: Tables;
  close(): void;
}
