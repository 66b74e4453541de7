import { isObject } from '../../api/json.ts';
import type { AnyObject } from '../../api/objects.ts';
import { visibleLine } from '../../api/text.ts';
import { block, fields, type Head, metadataFields } from './fields.ts';

/** Describes any object: its fields as an outline with readable names. */
export function objectText(object: AnyObject, head: Head, now: number): string {
  const { apiVersion: _, kind: __, metadata: ___, ...rest } = object;
  return fields(metadataFields(head, now)) + outline(rest, '');
}

function outline(value: object, indent: string): string {
  return Object.entries(value)
    .filter(([, inner]) => inner !== undefined && inner !== null)
    .map(([key, inner]: [string, unknown]) => {
      const label = visibleLine(indent === '' ? key.charAt(0).toUpperCase() + key.slice(1) : key);
      if (Array.isArray(inner)) return `${indent}${label}:\n${list(inner, `${indent}  `)}`;
      if (isObject(inner)) return `${indent}${label}:\n${outline(inner, `${indent}  `)}`;
      const text = String(inner);
      if (!text.includes('\n')) return `${indent}${label}:  ${text}\n`;
      return `${indent}${label}:\n${block(text, `${indent}  `)}`;
    })
    .join('');
}

const list = (items: readonly unknown[], indent: string): string =>
  items
    .map((item) =>
      isObject(item)
        ? `${indent}-\n${outline(item, `${indent}  `)}`
        : `${indent}- ${visibleLine(String(item))}\n`,
    )
    .join('');
