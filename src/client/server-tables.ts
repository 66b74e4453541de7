import type { AnyObject, Kind } from '../api/objects.ts';
import type { ListOptions, WatchOptions } from './resources.ts';

/** Objects as tables: the columns and cells that `get` prints. Only the server can compute them. */
export interface Tables {
  list(kind: Kind, options?: ListOptions & IncludeObject & { name?: string | undefined }): Promise<Table>;
  /** Like Resources.watch, with one row for each event. */
  watch(kind: Kind, options: WatchOptions & IncludeObject): AsyncIterable<TableEvent>;
}

export interface IncludeObject {
  /** The object in each row. Defaults to Metadata. */
  includeObject?: 'None' | 'Metadata' | 'Object' | undefined;
}

/** `Table` of meta.k8s.io/v1. */
export interface Table {
  kind: 'Table';
  apiVersion: 'meta.k8s.io/v1';
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  columnDefinitions: readonly TableColumn[];
  rows: readonly TableRow[];
}

export interface TableColumn {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** The value `name` marks the column with the object's name. */
  format: string;
  description: string;
  /** 0 is always shown, others only with `-o wide`. */
  priority: number;
}

export interface TableRow {
  cells: readonly (string | number | null)[];
  object?: AnyObject | PartialObjectMetadata;
}

export interface PartialObjectMetadata {
  kind: 'PartialObjectMetadata';
  apiVersion: 'meta.k8s.io/v1';
  metadata: AnyObject['metadata'];
}

export interface TableEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  /** Every event has the columns; a bookmark has no row. */
  object: Table;
}
