import type { AnyObject, Kind } from '../api/objects.ts';
import type { ListOptions, WatchOptions } from './resources.ts';

/** Answers made for reading: the columns and cells that `get` prints. The server alone knows them. */
export interface Tables {
  list(kind: Kind, options?: ListOptions & IncludeObject & { name?: string | undefined }): Promise<Table>;
  /** As Resources.watch: one row an event. */
  watch(kind: Kind, options: WatchOptions & IncludeObject): AsyncIterable<TableEvent>;
}

export interface IncludeObject {
  /** What each row carries; the default is Metadata. */
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
  /** `name` marks the column that names the object. */
  format: string;
  description: string;
  /** 0 is always shown, more only with `-o wide`. */
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
  /** The columns come with every event; a bookmark has no row. */
  object: Table;
}
