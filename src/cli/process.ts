import { buffer } from 'node:stream/consumers';
import { systemClock } from '../platform/clock.ts';
import type { Cli } from './cli.ts';
import { connect } from './connect.ts';
import { run } from './run.ts';

/** Runs this process's command line and ends it. */
export async function main(): Promise<void> {
  let interruption: AbortSignal | undefined;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(cli.exitCode); // the reader has seen enough, as in `| head`
    });
  }
  const cli: Cli = {
    clock: systemClock,
    environment: process.env,
    terminal: {
      out: process.stdout.isTTY === true,
      err: process.stderr.isTTY === true,
      in: process.stdin.isTTY === true,
      color: process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb',
    },
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    stdin: () => buffer(process.stdin),
    // A verb that does not ask for the signal ends at Ctrl-C as any program does.
    get signal() {
      interruption ??= interruptionSignal();
      return interruption;
    },
    connect: (options, how) => connect(options, cli, how),
    exitCode: 0,
  };
  process.exitCode = await run(process.argv.slice(2), cli);
  // A keep-alive socket or a timer must not hold the process; what was written to a pipe is flushed already.
  process.stdout.write('', () => process.exit());
}

/** The first Ctrl-C or SIGTERM asks for an orderly end, the second one ends the process. */
function interruptionSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}
