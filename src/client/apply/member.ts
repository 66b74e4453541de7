import type { KindInfo } from '../../api/kinds.ts';
import type { AnyObject, New, ObjectKey } from '../../api/objects.ts';

/** One object of a set that is applied together. */
export interface Member {
  info: KindInfo;
  /** As it is sent, with its namespace. */
  object: New<AnyObject>;
  key: ObjectKey;
  /** Take over fields that other managers own, of this object alone. */
  force?: boolean | undefined;
}

/** `Agent/default/web`, `Runtime//docker`: one text for one object. */
export const identity = ({ info, key }: Pick<Member, 'info' | 'key'>): string =>
  `${info.kind}/${key.namespace ?? ''}/${key.name}`;

export interface ApplyOptions {
  fieldManager: string;
  /** Take over fields that other managers own. */
  forceConflicts?: boolean | undefined;
  /** In whose name it is written: as of WriteOptions. */
  author?: string | undefined;
}

/** One that the server does not take, and why: an ApiError, or what kept the question from it. */
export interface Refused<M extends Member> {
  member: M;
  reason: unknown;
}
