import type { KindInfo } from '../../api/kinds.ts';
import type { AnyObject, New, ObjectKey } from '../../api/objects.ts';

/** One object of a set that is applied together. */
export interface Member {
  info: KindInfo;
  /** The object that is sent, with its namespace. */
  object: New<AnyObject>;
  key: ObjectKey;
  /** Takes over fields that other managers own, for this object only. */
  force?: boolean | undefined;
}

/** Returns a unique text for an object: `Agent/default/web`, `Runtime//docker`. */
export const identity = ({ info, key }: Pick<Member, 'info' | 'key'>): string =>
  `${info.kind}/${key.namespace ?? ''}/${key.name}`;

export interface ApplyOptions {
  fieldManager: string;
  /** Takes over fields that other managers own. */
  forceConflicts?: boolean | undefined;
  /** The author to record: see WriteOptions. */
  author?: string | undefined;
}

/** An object that the server refused, with the reason: an ApiError, or the error that prevented the request. */
export interface Refused<M extends Member> {
  member: M;
  reason: unknown;
}
