import type { InstanceStatus } from '../api/objects.ts';

export type LastExit = NonNullable<InstanceStatus['lastExit']>;

/** For example "Run 3 ended with code 137 (SIGKILL), out of memory." */
export function exitText({ run, code, signal, oomKilled, cause, message }: LastExit): string {
  const detail = message === undefined || message === '' ? '' : `: ${message}`;
  switch (cause) {
    case 'Lost':
      return `Run ${run} was lost. ${message ?? ''}`.trimEnd();
    case 'StartFailed':
      return `Run ${run} could not be started${detail}`;
    case 'Stop':
      return `Run ${run} was stopped${codeText(code, signal, oomKilled)}.`;
    case 'Runtime':
      return `Run ${run} ended${codeText(code, signal, oomKilled)} because its Runtime stopped. This does not count as a failure.`;
    case 'Agent':
      return `Run ${run} ended${codeText(code, signal, oomKilled)}${detail === '' ? '.' : detail}`;
  }
}

export function codeText(
  code: number | undefined,
  signal: string | undefined,
  oomKilled: boolean | undefined,
): string {
  const name = signal === undefined ? '' : ` (${signal})`;
  const memory = oomKilled === true ? ', out of memory' : '';
  return code === undefined ? memory : ` with code ${code}${name}${memory}`;
}

/** The Linux signals from 1 on that terminate programs. */
const signals = [
  ...[
    'SIGHUP',
    'SIGINT',
    'SIGQUIT',
    'SIGILL',
    'SIGTRAP',
    'SIGABRT',
    'SIGBUS',
    'SIGFPE',
    'SIGKILL',
    'SIGUSR1',
  ],
  ...['SIGSEGV', 'SIGUSR2', 'SIGPIPE', 'SIGALRM', 'SIGTERM', 'SIGSTKFLT', 'SIGCHLD', 'SIGCONT', 'SIGSTOP'],
  ...['SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGXCPU', 'SIGXFSZ', 'SIGVTALRM', 'SIGPROF', 'SIGWINCH'],
  ...['SIGIO', 'SIGPWR', 'SIGSYS'],
];

/** Shells and engines report an end by signal n as code 128 + n. */
export const signalOf = (code: number | undefined): string | undefined =>
  code === undefined ? undefined : signals[code - 129];
