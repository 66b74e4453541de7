import type { SyncStatus } from '../../api/objects.ts';
import { visible } from '../../api/text.ts';

/** Text that is printed unchanged: our own terminal sequences, or the text of `--raw`. */
export class AsIs {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Text to print: each string in it is filtered. */
export type Text = string | AsIs | readonly Text[];

/**
 * The filter of everything that the command line prints. It is applied where text leaves the process, so nothing can
 * bypass it.
 */
export const shown = (text: Text): string =>
  typeof text === 'string' ? visible(text) : text instanceof AsIs ? text.text : text.map(shown).join('');

/** `--raw`: the text unchanged. */
export const rawIf = (raw: boolean | undefined, text: string): Text => (raw === true ? new AsIs(text) : text);

let isUtc = false;

/** Sets --utc, for everything that is printed afterwards. */
export const showUtc = (utc: boolean): void => {
  isUtc = utc;
};

/** Formats a time for people: `2026-01-31 13:00:00 +01:00`, or `2026-01-31 12:00:00 UTC`. */
export function when(at: number): string {
  const offset = isUtc ? 0 : -new Date(at).getTimezoneOffset();
  const text = new Date(at + offset * 60_000).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)} ${offset === 0 ? 'UTC' : zone(offset)}`;
}

const zone = (minutes: number): string => {
  const [hour, minute] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((part) =>
    String(part).padStart(2, '0'),
  );
  return `${minutes < 0 ? '-' : '+'}${hour}:${minute}`;
};

/** Converts the UTC times in the controller's messages to local times. */
export const localTimes = (text: string): string =>
  text.replace(/\b(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC\b/g, (_, day, time) =>
    when(Date.parse(`${day}T${time}Z`)),
  );

/** `1 object`, `2 objects`. */
export const counted = (count: number, what: string, many = `${what}s`): string =>
  `${count} ${count === 1 ? what : many}`;

/** `12 of 20 objects` */
export const deletesText = ({ deletes, of }: NonNullable<SyncStatus['pendingApproval']>): string =>
  of === undefined ? counted(deletes, 'object') : `${deletes} of ${counted(of, 'object')}`;
