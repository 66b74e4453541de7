import { userInfo } from 'node:os';
import { isatty } from 'node:tty';
import { systemClock } from '../platform/clock.ts';
import type { Cli } from './cli.ts';
import { connect } from './connect.ts';
import { shown } from './print/shown.ts';
import { debugText, run } from './run-command.ts';

/**
 * Runs this process's command line and exits. Streams are created at their first use, because each takes a millisecond.
 */
export async function main(): Promise<void> {
  let interruption: AbortSignal | undefined;
  const streams: { out?: NodeJS.WriteStream; err?: NodeJS.WriteStream } = {};
  const cli: Cli = {
    clock: systemClock,
    environment: process.env,
    terminal: {
      out: isatty(1),
      err: isatty(2),
      in: isatty(0),
      color: isatty(1) && !process.env.NO_COLOR && process.env.TERM !== 'dumb',
      get columns() {
        return isatty(2) ? process.stderr.columns : undefined;
      },
    },
    out(text) {
      streams.out ??= quietAtEnd(process.stdout, cli);
      streams.out.write(shown(text));
    },
    err(text) {
      streams.err ??= quietAtEnd(process.stderr, cli);
      streams.err.write(shown(text));
    },
    async stdin() {
      const { buffer } = await import('node:stream/consumers');
      return buffer(process.stdin);
    },
    dialogue() {
      streams.out ??= quietAtEnd(process.stdout, cli);
      return { input: process.stdin, output: streams.out };
    },
    user: () => userName(),
    get signal() {
      interruption ??= interruptionSignal();
      return interruption;
    },
    get interrupted() {
      return interruption?.aborted === true;
    },
    connect: (options, how) => connect(options, cli, how),
    exitCode: 0,
  };
  // Node would print it without the filter.
  process.on('uncaughtException', (error) => {
    cli.err(`${debugText(error)}\n`);
    process.exit(1);
  });
  process.exitCode = await run(process.argv.slice(2), cli);
  // Exits once the output is flushed: a keep-alive socket or a timer must not keep the process running.
  if (streams.out === undefined) process.exit();
  streams.out.write('', () => process.exit());
}

/** A container may run as a user without a passwd entry. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env.USER ?? String(process.getuid?.() ?? 'unknown');
  }
}

/** The reader may close the pipe early, as in `| head`: that is not an error. */
function quietAtEnd(stream: NodeJS.WriteStream, cli: Cli): NodeJS.WriteStream {
  return stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(cli.exitCode);
  });
}

/** The first Ctrl-C or SIGTERM requests an orderly end, the second one ends the process. */
function interruptionSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}
