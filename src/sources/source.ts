import type { Source as ManifestFile } from '../api/manifest.ts';
import { visible } from '../api/visible.ts';
import { isCode } from '../platform/code.ts';

/**
 * Where the manifests of a Sync stand: a Git repository or a folder. One belongs to one spec of one Sync; its calls are
 * made one after the other. Every failure is a SourceError. The contract suite is test/contracts/source.ts.
 */
export interface Source {
  /** What stands there now. Cheap: nothing is fetched where the source can tell without. */
  look(signal: AbortSignal): Promise<Found>;
  /**
   * The manifests. Of a source that has moved on since the look, those of the newer revision: the answer says which.
   * With a kustomization.yaml in the folder they are what kustomize makes of it, in one file.
   */
  read(found: Found, signal: AbortSignal): Promise<Manifests>;
  /** Calls `changed` when something has changed and then has been quiet for a while. A hint only: it may be missed. */
  watch?(changed: () => void): void;
  /** Ends the watch. What it keeps on disk stays, for the next one. */
  close(): Promise<void>;
}

export interface Found {
  /** The commit, or `sha256:` and a hash over the names and contents of a folder's files. */
  revision: string;
  /** The full name of the branch or tag that it was found at, as refs/heads/main. */
  reference?: string | undefined;
}

export interface Manifests extends Found {
  /** Named by their paths below the source's own root (the repository, the folder), in the order of these names. */
  files: readonly ManifestFile[];
  /** Patterns of the spec that matched nothing, each with its field. */
  unused?: readonly string[];
}

/** What a Source refuses to read. Its objects are parsed, tried and stored, which takes a hundred times their size for a while. */
export const limits = {
  /** Of one file, in bytes. */
  file: 4 * 1024 * 1024,
  /** Of all files together, in bytes. */
  total: 16 * 1024 * 1024,
  files: 20_000,
} as const;

export type SourceReason =
  /** The program git, ssh, gpg or kustomize is not there. */
  | 'ProgramMissing'
  /** No answer: no such host, connection refused, reset, cut off. */
  | 'Unreachable'
  | 'Timeout'
  /** No or wrong credentials, or no such repository for them. */
  | 'AuthenticationFailed'
  /** The host's key or certificate is not the one that is known. */
  | 'HostNotTrusted'
  /** The branch, tag or commit is not there. */
  | 'RevisionMissing'
  /** The folder, or the repository, is not there: renamed, removed, not mounted. */
  | 'PathMissing'
  | 'TooLarge'
  /** The commit has no signature by one of the keys. */
  | 'NotVerified'
  /** kustomize failed, or was asked for what is not allowed. */
  | 'RenderFailed'
  /** A file leads out of the tree. */
  | 'OutsideTree'
  /** A file is being written just now. Soon tried again. */
  | 'Unsettled'
  /** The Secret lacks a key, or holds what cannot be used. */
  | 'SecretInvalid'
  /** Anything else that the program said. */
  | 'Failed';

/** The message is a sentence that tells what to do next. It holds no credentials. */
export class SourceError extends Error {
  readonly reason: SourceReason;

  constructor(reason: SourceReason, message: string, options: { cause?: unknown } = {}) {
    super(visible(message), options);
    this.name = 'SourceError';
    this.reason = reason;
  }
}

/** The end of a sentence that begins with a path: why it cannot be had. */
export function absence(cause: unknown): string {
  if (isCode(cause, 'ENOENT')) return 'does not exist';
  if (isCode(cause, 'ENOTDIR')) return 'is not a folder';
  if (isCode(cause, 'EACCES', 'EPERM')) return "cannot be read by the controller's user";
  return `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
}
