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

/** The message is a sentence, which `remedy` ends. It contains no credentials. */
export class SourceError extends AgentctlError<SourceReason> {
  constructor(
    reason: SourceReason,
    message: string,
    { cause, remedy }: { cause?: unknown; remedy?: string | undefined } = {},
  ) {
    super(reason, visible(remedy === undefined ? message : `${message} ${remedy}`), { cause, remedy });
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

const text = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MiB`;

/**
 * Throws if there are more files than a Source reads, or larger ones. Sizes are in bytes; `remedy` ends the message.
 */
export function checkLimits(
  files: readonly { path: string; size: number }[],
  remedy = 'narrow path and include, or ignore files that are not manifests',
): void {
  const fault = (what: string): SourceError => new SourceError('TooLarge', `${what}: ${remedy}`);
  if (files.length > limits.files)
    throw fault(`found ${files.length} files, expected at most ${limits.files}`);
  let total = 0;
  for (const { path, size } of files) {
    if (size > limits.file)
      throw fault(`${path} has ${text(size)}, expected at most ${text(limits.file)} per file`);
    total += size;
  }
  if (total > limits.total)
    throw fault(`the files have ${text(total)} in total, expected at most ${text(limits.total)}`);
}

/** Throws if the name of a manifest cannot be displayed: objects contain it, and terminals print it. */
export function checkName(path: string): void {
  const fault = path.includes('\ufffd')
    ? 'is not UTF-8'
    : visible(path) !== path
      ? 'has control characters'
      : undefined;
  if (fault !== undefined)
    throw new SourceError('Failed', `the file name ${path} ${fault}:`, {
      remedy: 'rename the file, or ignore it',
    });
}

interface ProcessLimits {
  /** Private writable memory, in MiB (RLIMIT_DATA). Programs in Go map far more than they use, which does not count. */
  memory: number;
  /** The largest file that may be written, in MiB. */
  file: number;
}

/** Processor time in seconds. Ends abandoned processes, for example after the controller was killed. */
const mostTime = 3600;

/**
 * Returns a shell script that runs its arguments, and everything they start, within the limits. Limits that a system
 * does not support are skipped.
 */
export const limitedBy = ({ memory, file }: ProcessLimits): string =>
  [`-d ${memory * 1024}`, `-f ${file * 2048}`, `-t ${mostTime}`, '-c 0']
    .map((limit) => `ulimit ${limit} 2>/dev/null`)
    .concat('exec "$@"')
    .join('; ');

export const shell = '/bin/sh';
