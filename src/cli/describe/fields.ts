import { revisionText, syncAnnotations } from '../../api/annotations.ts';
import type { Condition, ObjectMeta } from '../../api/objects.ts';
import { visibleLine } from '../../api/text.ts';
import { age, humanDuration, parseTime } from '../../api/time.ts';
import type { Origin } from '../../views/described.ts';
import type { State } from '../../views/instance-details.ts';
import { when } from '../print/shown.ts';
import { table } from '../print/text-table.ts';

/**
 * A label and its value, or the lines of a value, which are printed below each other. Entries without a value are left
 * out. A newline in a text is shown as `\n`, so that no text can look like a field.
 */
export type Field = readonly [label: string, value: string | readonly string[] | undefined];

export function fields(entries: readonly Field[], indent = ''): string {
  const rows = entries.flatMap(([label, value]) => {
    const lines = value === undefined ? [] : typeof value === 'string' ? [value] : value;
    return lines.map((line, index) => [index === 0 ? `${label}:` : '', visibleLine(line)]);
  });
  return table(rows, { indent });
}

export const section = (title: string, body: string): string => `${title}:\n${body}`;

export const tableSection = (
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string => section(title, table([head, ...rows], { indent: '  ' }));

/** What every description begins with. */
export interface Head {
  metadata: ObjectMeta;
  origin: Origin | undefined;
}

export function metadataFields({ metadata, origin }: Head, now: number): Field[] {
  const pairs = (map: Record<string, string> | undefined, separator: string): string[] => {
    const entries = Object.entries(map ?? {}).map(([key, value]) => `${key}${separator}${value}`);
    return entries.length === 0 ? ['<none>'] : entries.sort();
  };
  return [
    ['Name', metadata.name],
    ['Namespace', metadata.namespace],
    ['Labels', pairs(metadata.labels, '=')],
    [
      'Annotations',
      pairs(origin === undefined ? metadata.annotations : withoutOrigin(metadata.annotations), ': '),
    ],
    ['Sync', origin && originText(origin)],
    ['Created', ago(metadata.creationTimestamp, now)],
    [
      'Deletion',
      metadata.deletionTimestamp === undefined
        ? undefined
        : `asked for ${ago(metadata.deletionTimestamp, now)}, waits for ${(metadata.finalizers ?? []).join(', ') || 'the server'}`,
    ],
  ];
}

const shownElsewhere: readonly string[] = [
  syncAnnotations.sync,
  syncAnnotations.revision,
  syncAnnotations.path,
];

const withoutOrigin = (annotations: ObjectMeta['annotations']): Record<string, string> =>
  Object.fromEntries(Object.entries(annotations ?? {}).filter(([name]) => !shownElsewhere.includes(name)));

const originText = ({ sync, isGone, revision, path }: Origin): string =>
  joined([
    isGone ? `${sync} (deleted)` : sync,
    revision === undefined ? undefined : revisionText(revision),
    path,
  ]);

/** Returns `2026-01-31 12:00:00 UTC (3m ago)`, or `(in 3m)`. */
export function ago(time: string, now: number): string {
  const at = parseTime(time);
  if (at === undefined) return time;
  const how = at > now ? `in ${humanDuration(at - now)}` : `${humanDuration(now - at)} ago`;
  return `${when(at)} (${how})`;
}

/** @param why a text that is already printed above, so it is left out here */
export function conditionsSection(conditions: readonly Condition[], now: number, why?: string): string {
  if (conditions.length === 0) return section('Conditions', '  <none>\n');
  return tableSection(
    'Conditions',
    ['TYPE', 'STATUS', 'SINCE', 'REASON', 'MESSAGE'],
    conditions.map(({ type, status, lastTransitionTime, reason, message }) => [
      type,
      status,
      age(lastTransitionTime, now),
      reason,
      once(message, why),
    ]),
  );
}

/** Replaces the text that is already printed above as Why. */
export const once = (message: string, why = ''): string =>
  why === '' ? message : message.replaceAll(why, () => 'See Why.');

/** Indents each line of a text. */
export const block = (text: string, indent = '  '): string =>
  `${text
    .trimEnd()
    .split('\n')
    .map((line) => `${indent}${line}`.trimEnd())
    .join('\n')}\n`;

/** Joins the parts that are present. */
export const joined = (parts: readonly (string | undefined | false)[], separator = ', '): string =>
  parts.filter((part) => part !== undefined && part !== false && part !== '').join(separator);

/** Returns `Pending: SecretMissing`. */
export const stateText = ({ phase, reason }: State): string => joined([phase, reason], ': ');
