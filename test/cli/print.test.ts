import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ConfigMap } from '../../src/api/objects.ts';
import { visible } from '../../src/api/text.ts';
import { formatObjects, parseFormat, yamlText } from '../../src/cli/print/output-format.ts';
import { progress } from '../../src/cli/print/progress-lines.ts';
import { AsIs, shown, type Text } from '../../src/cli/print/shown.ts';
import { displayWidth, oneLine, table, tableWithWidths } from '../../src/cli/print/text-table.ts';

test.each([
  ['plain', 5],
  ['', 0],
  ['日本', 4],
  ['é', 1],
  ['e\u0301', 1],
  ['🚀', 2],
  ['a\u200bb', 2],
  ['한국', 4],
  ['ﾊﾝ', 2], // half-width
  ['❤', 1],
  ['❤️', 2],
  ['👩‍👩‍👧', 2],
  ['👍🏽', 2],
  ['🇩🇪', 2],
  ['1️⃣', 2],
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
    expect(shown(tableWithWidths([['a', '2s']], { widths: first.widths }).text)).toBe('a             2s\n');
  });
  test('lets no cell break the line or drive the terminal', () => {
    expect(oneLine('first\nsecond')).toBe('first...');
    expect(oneLine('\u001b[31mred\tx')).toBe('\\u001b[31mred\\tx');
  });
});

test('YAML is written so that YAML 1.1 readers take texts for texts', async () => {
  const text = await yamlText({ on: 'yes', at: '2026-01-31T12:00:00Z', list: [{ a: '1' }] });
  expect(text).toBe('at: "2026-01-31T12:00:00Z"\nlist:\n- a: "1"\n"on": "yes"\n');
});

test('YAML writes what a terminal must not print as escapes, and is read as the same value', async () => {
  const texts = {
    escape: '\u001b[2J',
    c1: '\u009b31m',
    bidi: 'a\u202eb',
    tag: 'ok\u{e0041}',
    joiner: '\u200dfirst',
    selector: '\ufe0f',
    block: `${'long '.repeat(20)}\nline\u2028\n\u202e`,
    carriage: 'a\rb\r\n',
    plain: 'grüße\nin two lines\n',
    '\u202ekey': 'x',
  };
  const text = await yamlText(texts);
  expect(visible(text)).toBe(text);
  expect(text).toContain('plain: |\n  grüße\n');
  for (const version of ['1.1', '1.2'] as const) expect(parse(text, { version })).toEqual(texts);
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
      expect(() => parseFormat(text, read)).toThrow(/expected|requires a value/);
    },
  );
});

describe('on a terminal', () => {
  const header = ['NAME', 'REASON', 'QUEUE', 'AGE'];
  const queued = ['web', 'Crashed', '2 wait', '4s'];
  const calm = ['web', 'Crashed', '', '4s'];
  test.each<[what: string, room: number | undefined, row: string[], lines: string]>([
    ['enough room', 31, queued, 'NAME   REASON    QUEUE    AGE\nweb    Crashed   2 wait   4s\n'],
    ['no terminal', undefined, calm, 'NAME   REASON    QUEUE   AGE\nweb    Crashed           4s\n'],
    ['an empty column too many', 25, calm, 'NAME   REASON    AGE\nweb    Crashed   4s\n'],
    ['little room', 27, queued, 'NAME  REASON   QUEUE   AGE\nweb   Crashed  2 wait  4s\n'],
    ['far too little room', 5, calm, 'NAME  REASON   AGE\nweb   Crashed  4s\n'],
  ])('a table is fitted to %s', (_what, room, row, lines) => {
    expect(shown(tableWithWidths([header, row], { room }).text)).toBe(lines);
  });

  test('words that a reader looks for are coloured, and the columns stay', () => {
    const { text } = tableWithWidths(
      [
        ['NAME', 'PHASE', 'AGE'],
        ['web', 'Failed', '1s'],
      ],
      { color: true },
    );
    expect(shown(text)).toBe('NAME   PHASE    AGE\nweb    \u001b[31mFailed\u001b[39m   1s\n');
  });
  test('progress is one line that is written over; in a pipe there is none', () => {
    const lines: string[] = [];
    const err = (text: Text): void => void lines.push(shown(text));
    const line = progress({ terminal: { out: true, err: true, in: true, color: true }, err });
    line.show('waiting for web');
    line.clear();
    line.clear();
    expect(lines).toEqual(['\r\u001b[Kwaiting for web', '\r\u001b[K']);
    progress({ terminal: { out: true, err: false, in: true, color: false }, err }).show('nothing');
    expect(lines).toHaveLength(2);
  });
  test('progress is cut to the columns that it takes as it is shown', () => {
    const lines: string[] = [];
    const terminal = { out: true, err: true, in: true, color: true, columns: 11 };
    const line = progress({ terminal, err: (text) => void lines.push(shown(text)) });
    for (const text of ['a\u001b[31mbcd', '日本日本日本', 'ten wide!!']) line.show(text);
    expect(lines).toEqual(['\r\u001b[Ka\\u001b[3…', '\r\u001b[K日本日本…', '\r\u001b[Kten wide!!']);
  });
  test('each text passes the filter, and only what is marked as ours goes as it is', () => {
    expect(shown(['\u001b[31m', [new AsIs('\u001b[31m'), 'Failed\u009b']])).toBe(
      '\\u001b[31m\u001b[31mFailed\\u009b',
    );
  });
});
