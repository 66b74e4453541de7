import type { AnyObject, Condition } from '../api/objects.ts';
import type { SyncView } from './sync-view.ts';

/** Why an object does not meet a condition. */
export type Reason =
  | { is: 'Unknown' | 'Missing' | 'Deleted' | 'NotDeleted' | 'Deleting' }
  | { is: 'NoReplicas' | 'SourceUnread' | 'NothingApplied' }
  /** The newest spec has not been observed. */
  | { is: 'Unobserved'; by: 'Condition' | 'Rollout' }
  /** `message`: what the controller reports about the deletion. */
  | { is: 'DeletionPending'; finalizers: readonly string[]; message?: string | undefined }
  | { is: 'Suspended'; kind: 'Agent' | 'Sync'; name: string }
  | { is: 'NoCondition'; type: string }
  | { is: 'Condition'; condition: Condition }
  /** What a status or a condition says. */
  | { is: 'Reported'; phase?: string | undefined; reason?: string | undefined; message?: string | undefined }
  | { is: 'Field'; path: string; values: readonly string[] }
  /** Counts of instances. */
  | { is: 'NotUpdated' | 'NotReady'; count: number; of: number }
  | { is: 'Surplus'; count: number }
  | { is: 'Reverted'; revision: string; agent: string }
  /** Another revision is applied, or none. `ready` is why, if it is known. */
  | { is: 'OtherApplied'; applied: SyncView['applied']; ready?: Condition | undefined };

/** The verdict on one state of an object. `never`: the condition can no longer be met. */
export type Judgement = 'met' | { met: 'Asleep' } | { pending: Reason } | { never: Reason };

/** Judges an object, or its absence. */
export type Judge = (object: AnyObject | undefined) => Judgement;
