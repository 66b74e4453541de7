import type { SourceError } from '../../sources/source.ts';
import type { Assessment } from './assess.ts';

/** What came of a look at the source of a Sync. */
export type Outcome =
  | { type: 'Suspended' }
  /** With the revision where it was found, and could not be read. */
  | {
      type: 'SourceFailed';
      error: SourceError | { reason: 'SecretMissing'; message: string };
      revision: string | undefined;
    }
  | { type: 'Refused'; assessment: Assessment }
  | { type: 'ApprovalRequired'; assessment: Assessment }
  | { type: 'ApplyFailed'; assessment: Assessment; failures: readonly string[] }
  /** The API could not be asked, or what it answered is no verdict on the manifests. */
  | { type: 'Interrupted'; error: Error }
  /** Applied whole. `isNew`: now; else it was, and is compared with what is: `healed` says whether that was set right. */
  | { type: 'Synced'; assessment: Assessment; isNew: boolean; healed: boolean }
  /** Everything is known to be as it was when it was last looked at. */
  | { type: 'Same' };
