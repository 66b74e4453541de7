import { AgentctlError } from '../api/errors.ts';
import type { Source as ManifestFile } from '../api/manifest.ts';
import { visible } from '../api/text.ts';
import { isCode } from '../platform/code.ts';

/**
 * Where the manifests of a Sync are: a Git repository or a folder. A Source belongs to one spec of one Sync; its
 * methods are called sequentially. Every failure is a SourceError. The contract suite is test/contracts/source.ts.
 */
export interface Source {
  /** Returns the current revision. Cheap: fetches nothing if that can be avoided. */
  look(signal: AbortSignal): Promise<Found>;
  /**
   * Returns the manifests. If the source has changed since `look`, those of the newer revision; the result names it. If
   * the folder has a kustomization.yaml, returns the output of kustomize, in one file.
   */
  read(found: Found, signal: AbortSignal): Promise<Manifests>;
  /** Calls `changed` after a change and a quiet period. Only a hint: it may be missed. */
  watch?(changed: () => void): void;
  /** Ends the watch. Files on disk are kept for the next Source. */
  close(): Promise<void>;
}

export interface Found {
  /** The commit, or `sha256:` and a hash of the names and contents of a folder's files. */
  revision: string;
  /** The full name of its branch or tag, for example refs/heads/main. */
  reference?: string | undefined;
}

export interface Manifests extends Found {
  /** Named by their paths relative to the source's root (the repository or folder), sorted by these names. */
  files: readonly ManifestFile[];
  /** Patterns of the spec that matched nothing, each with its field. */
  unused?: readonly string[];
}

/**
 * The limits of a Source. Objects are parsed, validated and stored, which temporarily takes a hundred times their size.
 */
export const limits = {
  /** The size of one file, in bytes. */
  file: 4 * 1024 * 1024,
  /** The size of all files together, in bytes. */
  total: 16 * 1024 * 1024,
  files: 20_000,
} as const;

export type SourceReason =
  /** The program git, ssh, gpg or kustomize is missing. */
  | 'ProgramMissing'
  /** No answer: unknown host, connection refused, reset or cut off. */
  | 'Unreachable'
  | 'Timeout'
  /** Missing or wrong credentials, or no such repository for them. */
  | 'AuthenticationFailed'
  /** The host's key or certificate is not the known one. */
  | 'HostNotTrusted'
  /** The branch, tag or commit does not exist. */
  | 'RevisionMissing'
  /** The folder or repository does not exist: renamed, removed, or not mounted. */
  | 'PathMissing'
  | 'TooLarge'
  /** The commit has no signature by one of the keys. */
  | 'NotVerified'
  /** kustomize failed, or the kustomization requires something that is not allowed. */
  | 'RenderFailed'
  /** A file is outside the tree. */
  | 'OutsideTree'
  /** A file is being written. Retried soon. */
  | 'Unsettled'
  /** The Secret lacks a key, or has an unusable value. */
  | 'SecretInvalid'
  /** Any other error of the program. */
  | 'Failed';

/** The message is a sentence with the remedy. It contains no credentials. */
export class SourceError extends AgentctlError<SourceReason> {
  constructor(reason: SourceReason, message: string, options: { cause?: unknown } = {}) {
    super(reason, visible(message), options);
    this.name = 'SourceError';
  }
}

/** Returns the end of a sentence that begins with a path: why it cannot be read. */
export function absence(cause: unknown): string {
  if (isCode(cause, 'ENOENT')) return 'does not exist';
  if (isCode(cause, 'ENOTDIR')) return 'is not a folder';
  if (isCode(cause, 'EACCES', 'EPERM')) return "cannot be read by the controller's user";
  return `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
}
