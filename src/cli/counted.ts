import type { SyncStatus } from '../api/objects.ts';

/** `1 object`, `2 objects`. */
export const counted = (count: number, what: string, many = `${what}s`): string =>
  `${count} ${count === 1 ? what : many}`;

/** `12 of 20 objects` */
export const deletesText = ({ deletes, of }: NonNullable<SyncStatus['pendingApproval']>): string =>
  of === undefined ? counted(deletes, 'object') : `${deletes} of ${counted(of, 'object')}`;
