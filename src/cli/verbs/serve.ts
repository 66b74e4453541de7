import { closeSync, writeSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { Cli, GlobalOptions } from '../cli.ts';
import { choice, examples, pathsFor, wholeNumber } from '../flags.ts';

interface ServeOptions extends GlobalOptions {
  listen?: string;
  logLevel: string;
  drain?: boolean;
  drained?: boolean;
  adopt?: boolean;
  readyFd?: number;
}

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Run the controller in the foreground until SIGTERM or Ctrl-C. Agents keep running without it, and the next controller takes them over.',
    )
    .option('--listen <host:port>', 'also listen on this address, with TLS and bearer tokens')
    .addOption(
      choice('--log-level <level>', 'the lowest level to log', ['debug', 'info', 'warn', 'error']).default(
        'info',
      ),
    )
    .option('--drain', 'stop all agents when the controller ends')
    .option('--adopt', 'the state folder was moved or restored, not copied: take over its running agents')
    .addOption(new Option('--drained').hideHelp())
    .addOption(new Option('--ready-fd <number>').argParser(wholeNumber('--ready-fd')).hideHelp())
    .action(async ({ listen, logLevel, drain, drained, adopt, readyFd, ...options }: ServeOptions) => {
      cli.lasting = true;
      const { runDaemon } = await import('../../daemon/daemon.ts');
      const { environment, signal } = cli;
      const { state, socket } = pathsFor(options, environment);
      const onReady = (): void => {
        if (readyFd === undefined) return;
        writeSync(readyFd, 'ready\n');
        closeSync(readyFd); // the process that started it may end now
      };
      await runDaemon({
        ...{ stateDir: state, socket, listen, logLevel, drain, drained, adopt, environment, signal, onReady },
      });
    });
  examples(
    command,
    ['Run the controller in this terminal', 'agentctl serve'],
    ['Also serve kubectl on this machine', 'agentctl serve --listen 127.0.0.1:6443'],
  );
}
