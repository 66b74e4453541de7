import type { SourceError } from '../../sources/source.ts';
import type { Assessment } from './assess.ts';

/** The revision that is applied, compared with what is. */
export interface Compared {
  assessment: Assessment;
  /** What differed was set right; else it is told. */
  healed: boolean;
}

/**
 * What became of the revision that is applied. Same: all is as it was found last. `unknown`: something differs, and why
 * its manifests cannot be compared with it. `failures`: something differs, and could not be set right. None: nothing is
 * applied whole by this spec.
 */
export type Kept = Compared | 'Same' | { unknown: string } | { failures: readonly string[] } | 'None';

/** What came of a look at the source of a Sync. While the newest revision cannot be applied, the last one is kept so. */
export type Outcome =
  | { type: 'Suspended' }
  /** With the revision where it was found, and could not be read. */
  | {
      type: 'SourceFailed';
      error: SourceError | { reason: 'SecretMissing'; message: string };
      revision: string | undefined;
      kept: Kept;
    }
  | { type: 'Refused'; assessment: Assessment; kept: Kept }
  | { type: 'ApprovalRequired'; assessment: Assessment; kept: Kept }
  | { type: 'ApplyFailed'; assessment: Assessment; failures: readonly string[] }
  /** The API could not be asked, or what it answered is no verdict on the manifests. */
  | { type: 'Interrupted'; error: Error }
  /** Applied whole, just now. */
  | { type: 'Synced'; assessment: Assessment }
  /** Nothing is new. Without `looked` the source was not asked: an object had changed. */
  | { type: 'Kept'; kept: Kept; looked: boolean };

export const keptOf = (outcome: Outcome): Kept | undefined => ('kept' in outcome ? outcome.kept : undefined);

/** Where the revision that is applied was compared with what is. */
export function comparedOf(outcome: Outcome): Compared | undefined {
  const kept = keptOf(outcome);
  return typeof kept === 'object' && 'assessment' in kept ? kept : undefined;
}

/** Why what differs from the revision that is applied could not be set right. */
export function failedRepair(outcome: Outcome): readonly string[] | undefined {
  const kept = keptOf(outcome);
  return typeof kept === 'object' && 'failures' in kept ? kept.failures : undefined;
}
