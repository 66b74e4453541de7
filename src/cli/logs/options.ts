import { CliError } from '../failure.ts';
import type { GlobalOptions } from '../options.ts';

export interface LogsOptions extends GlobalOptions {
  follow?: boolean;
  previous?: boolean;
  since?: number;
  sinceTime?: string;
  tail?: number;
  timestamps?: boolean;
  /** Defaults to true for more than one instance. */
  prefix?: boolean;
  selector?: string;
  all?: boolean;
  allNamespaces?: boolean;
  maxLogRequests: number;
  raw?: boolean;
}

export function checkCount(count: number, most: number): void {
  if (count <= most) return;
  throw new CliError(
    `found ${count} instances, but at most ${most} can be read at once: select fewer, or raise --max-log-requests`,
  );
}
