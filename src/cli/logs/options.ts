import { CliError } from '../failure.ts';
import type { GlobalOptions } from '../options.ts';

export interface LogsOptions extends GlobalOptions {
  follow?: boolean;
  previous?: boolean;
  since?: number;
  sinceTime?: string;
  tail?: number;
  timestamps?: boolean;
  /** Absent: for more than one instance. */
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
    `these are ${count} instances, and at most ${most} are read at once: name some of them, or raise --max-log-requests`,
  );
}
