import type { GlobalOptions } from '../global-options.ts';

export interface GetOptions extends GlobalOptions {
  output?: string;
  watch?: boolean;
  watchOnly?: boolean;
  selector?: string;
  fieldSelector?: string;
  allNamespaces?: boolean;
  sortBy?: string;
  /** False with --no-headers. */
  headers: boolean;
  showLabels?: boolean;
  showKind?: boolean;
  showManagedFields?: boolean;
  ignoreNotFound?: boolean;
}
