import type { GlobalOptions } from '../options.ts';

export interface GetOptions extends GlobalOptions {
  output?: string;
  watch?: boolean;
  watchOnly?: boolean;
  selector?: string;
  fieldSelector?: string;
  allNamespaces?: boolean;
  sortBy?: string;
  /** --no-headers makes it false. */
  headers: boolean;
  showLabels?: boolean;
  showKind?: boolean;
  showManagedFields?: boolean;
  ignoreNotFound?: boolean;
}
