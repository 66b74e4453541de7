import { describe, expect, test } from 'vitest';
import type { ConfigMap } from '../../src/api/objects.ts';
import { parseFormat } from '../../src/cli/print/format.ts';
import { formatObjects, yamlText } from '../../src/cli/print/objects.ts';
import { progress } from '../../src/cli/print/progress.ts';
import { table, tableWithWidths } from '../../src/cli/print/table.ts';
import { displayWidth, oneLine } from '../../src/cli/print/width.ts';

test.each([
  ['plain', 5],
  ['', 0],
  ['日本', 4],
  ['é', 1],
  ['e\u0301', 1],
  ['🚀', 2],
  ['a\u200bb', 2],
])('%j takes %i columns', (text, width) => {
  expect(displayWidth(text)).toBe(width);
});

describe('a table', () => {
  test('is aligned by what a terminal shows, without trailing spaces', () => {
    expect(
      table([
        ['NAME', 'NOTE'],
        ['日本', 'x'],
        ['ab', ''],
      ]),
    ).toBe('NAME   NOTE\n日本   x\nab\n');
  });
  test('keeps the widths of what was printed before, for a watch', () => {
    const first = tableWithWidths([
      ['NAME', 'AGE'],
      ['longer-name', '1s'],
    ]);
    expect(tableWithWidths([['a', '2s']], { widths: first.widths }).text).toBe('a             2s\n');
  });
  test('lets no cell break the line or drive the terminal', () => {
    expect(oneLine('first\nsecond')).toBe('first...');
    expect(oneLine('\u001b[31mred')).toBe('^[[31mred');
  });
});

test('YAML is written so that YAML 1.1 readers take texts for texts', async () => {
  const text = await yamlText({ on: 'yes', at: '2026-01-31T12:00:00Z', list: [{ a: '1' }] });
  expect(text).toBe('at: "2026-01-31T12:00:00Z"\nlist:\n- a: "1"\n"on": "yes"\n');
});

test('JSON is written with sorted keys, in all depths', async () => {
  const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { namespace: 'default', name: 'a' } };
  const text = await formatObjects({ type: 'json' }, [object as ConfigMap], true);
  expect(text.match(/"[a-zA-Z]+":/g)).toEqual([
    '"apiVersion":',
    '"kind":',
    '"metadata":',
    '"name":',
    '"namespace":',
  ]);
});

describe('-o', () => {
  const read = (): string => 'NAME PHASE\n.metadata.name .status.phase\n';
  test('takes columns from a file', () => {
    expect(parseFormat('custom-columns-file=x', read)).toMatchObject({
      columns: [
        { header: 'NAME', path: '.metadata.name' },
        { header: 'PHASE', path: '.status.phase' },
      ],
    });
  });
  test.each(['jsonpath', 'jsonpath=', 'custom-columns=NAME', 'xml'])(
    '%s is refused with what is expected',
    (text) => {
      expect(() => parseFormat(text, read)).toThrow(/expected|needs a value/);
    },
  );
});

describe('on a terminal', () => {
  test('words that a reader looks for are coloured, and the columns stay', () => {
    const text = table(
      [
        ['NAME', 'PHASE', 'AGE'],
        ['web', 'Failed', '1s'],
      ],
      { color: true },
    );
    expect(text).toBe('NAME   PHASE    AGE\nweb    \u001b[31mFailed\u001b[39m   1s\n');
  });
  test('progress is one line that is written over; in a pipe there is none', () => {
    const lines: string[] = [];
    const err = (text: string): void => void lines.push(text);
    const shown = progress({ terminal: { out: true, err: true, in: true, color: true }, err });
    shown.show('waiting for web');
    shown.clear();
    shown.clear();
    expect(lines).toEqual(['\r\u001b[Kwaiting for web', '\r\u001b[K']);
    progress({ terminal: { out: true, err: false, in: true, color: false }, err }).show('nothing');
    expect(lines).toHaveLength(2);
  });
});
