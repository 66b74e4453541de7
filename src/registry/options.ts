import type { DeleteOptions, ListOptions, WatchOptions, WriteOptions } from '../api/requests.ts';

export type Subresource = 'status' | 'scale';

export interface RegistryWriteOptions extends WriteOptions {
  subresource?: Subresource | undefined;
  /** Takes what the client should be told though the write succeeds: the Warning headers of an answer. */
  warn?: ((warning: string) => void) | undefined;
  /** Told where the write makes a new object, as an apply may: the answer is 201 then. */
  onCreated?: (() => void) | undefined;
}

export interface RegistryListOptions extends ListOptions {
  /** `Exact` lists as of that resourceVersion; else it may be newer. */
  resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
}

export interface RegistryWatchOptions extends WatchOptions {
  /** First an ADDED for each object that is there, then a bookmark that says so (annotation k8s.io/initial-events-end). */
  sendInitialEvents?: boolean | undefined;
}

export type RegistryDeleteOptions = DeleteOptions;
