import { difference, updateClass } from './difference.ts';
import type { KindInfo } from './kinds.ts';
import type { AnyObject } from './objects.ts';
import { pathText } from './path.ts';

export interface Change {
  path: string;
  before: unknown;
  after: unknown;
  /** What the change does to running instances. */
  update: 'live' | 'restart' | 'firstStart';
}

const masked = '***';

/** The part of an object that a user can set. The server sets the rest. */
function settable({ metadata, ...object }: AnyObject): object {
  const { labels = {}, annotations = {} } = metadata;
  return { ...object, status: undefined, metadata: { labels, annotations } };
}

/** Returns the differences, field by field. Values of Secrets are not shown. */
export function changesOf(info: KindInfo, before: AnyObject, after: AnyObject): Change[] {
  return difference(info.schema, settable(before), settable(after)).map(({ path, before, after }) => {
    const secret = info.kind === 'Secret' && (path[0] === 'data' || path[0] === 'stringData');
    const shown = (value: unknown, text: string): unknown => (secret && value !== undefined ? text : value);
    return {
      path: pathText(path),
      before: shown(before, `${masked} (before)`),
      after: shown(after, `${masked} (after)`),
      update: updateClass(info.schema, path),
    };
  });
}

/** Returns `~ spec.replicas: 1 -> 2`; `+` for a new field, `-` for a removed one. */
export function changeLine({ path, before, after, update }: Change): string {
  const note =
    update === 'restart'
      ? '  (forces a restart)'
      : update === 'firstStart'
        ? '  (for first starts only)'
        : '';
  if (before === undefined) return `+ ${path}: ${text(after)}${note}`;
  if (after === undefined) return `- ${path}: ${text(before)}${note}`;
  return `~ ${path}: ${text(before)} -> ${text(after)}${note}`;
}

const text = (value: unknown): string => JSON.stringify(value);
