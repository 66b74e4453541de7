import { AgentctlError, ApiError, UnreachableError } from '../api/errors.ts';

/** The exit codes, as documented in `agentctl help exit-codes`. */
export const exitCode = {
  ok: 0,
  failed: 1,
  different: 1,
  timedOut: 1,
  unmet: 2,
  trouble: 2,
  unfinished: 4,
  unreachable: 3,
  notRunning: 3,
  usage: 64,
  interrupted: 130,
} as const;

/** Ends the verb. The whole `message` goes to stderr after `error: `. */
export class CliError extends AgentctlError<'CommandFailed'> {
  readonly exitCode: number;

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super('CommandFailed', message, { cause: options.cause });
    this.name = 'CliError';
    this.exitCode = options.exitCode ?? exitCode.failed;
  }
}

/** An error in the command line. */
export class UsageError extends CliError {
  constructor(message: string) {
    super(message, { exitCode: exitCode.usage });
    this.name = 'UsageError';
  }
}

/** Returns the text and the exit code for a failure. */
export const describeFailure = (error: unknown): { text: string; exitCode: number } => ({
  text: error instanceof ApiError ? apiText(error) : `error: ${failureText(error)}`,
  exitCode:
    error instanceof CliError
      ? error.exitCode
      : error instanceof UnreachableError
        ? exitCode.unreachable
        : exitCode.failed,
});

/** Returns the text as a part of another message. */
export function failureText(error: unknown): string {
  if (error instanceof ApiError) return apiText(error);
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof UnreachableError)) return error.message;
  const start = nothingListens(error.cause) ? 'Start one: agentctl controller start' : undefined;
  const { message, remedy = start } = error;
  return remedy === undefined ? message : `${message}. ${remedy}`;
}

/** As in kubectl: Error from server (NotFound): ... */
function apiText(error: ApiError): string {
  if (error.code === 'Invalid' || error.code === 'BadRequest') {
    const causes = error.details?.causes ?? [];
    if (causes.length > 1) {
      const lines = causes.map(
        ({ field, message }) => `  ${field === undefined ? '' : `${field}: `}${message}`,
      );
      const head = `${error.details?.kind ?? 'object'} ${JSON.stringify(error.details?.name ?? '')} is invalid`;
      return [`Error from server (${error.code}): ${head}:`, ...lines].join('\n');
    }
  }
  const { kind, name } = error.details ?? {};
  const remedy =
    error.code === 'NotFound' && kind === 'namespaces'
      ? `. To create it: agentctl create namespace ${name ?? 'NAME'}`
      : '';
  return `Error from server (${error.code}): ${error.message}${remedy}`;
}

/** Whether the request cannot have reached a server. */
export const nothingListens = (cause: unknown): boolean =>
  cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED');
