import { describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { formatManifestError, parseManifests } from '../../src/api/manifest.ts';
import { visible, visibleLine, visibleYaml } from '../../src/api/text.ts';

describe('what steers a terminal, turns its lines around or hides text is shown', () => {
  test.each([
    ['a control character', 'a\u001b[2Jb\u0000', 'a\\u001b[2Jb\\u0000'],
    ['DEL and what C1 has', 'a\u007fb\u0080\u009b31m\u009d', 'a\\u007fb\\u0080\\u009b31m\\u009d'],
    ['a carriage return that overwrites a line', 'rm -rf /\rls\r', 'rm -rf /\\rls\\r'],
    ['the direction of writing', 'a\u202eb\u2066c\u200fd\u061c', 'a\\u202eb\\u2066c\\u200fd\\u061c'],
    ['a line or paragraph separator, and NEL', 'a\u2028b\u2029c\u0085', 'a\\u2028b\\u2029c\\u0085'],
    ['half a character', 'a\ud83db\ude00', 'a\\ud83db\\ude00'],
    ['a noncharacter', 'a\ufdd0\ufffe\u{1ffff}', 'a\\ufdd0\\ufffe\\ud83f\\udfff'],
    ['an annotation', 'a\ufff9b\ufffac\ufffb', 'a\\ufff9b\\ufffac\\ufffb'],
    ['what has no width', 'a\u200bb\u2060c\ufeffd\u00ade', 'a\\u200bb\\u2060c\\ufeffd\\u00ade'],
    ['a filler that looks like nothing', 'a\u3164b\u115fc\uffa0', 'a\\u3164b\\u115fc\\uffa0'],
    ['text in tags', 'ok\u{e0072}\u{e006d}', 'ok\\udb40\\udc72\\udb40\\udc6d'],
    ['text in variation selectors', 'ok\ufe00\u{e0101}x\ufe0f', 'ok\\ufe00\\udb40\\udd01x\\ufe0f'],
    ['selectors and joiners in a row', '❤\ufe0f\ufe0fक\u200d\u200d', '❤\ufe0f\\ufe0fक\u200d\\u200d'],
    ['a joiner behind ASCII', 'r\u200cm\u200d', 'r\\u200cm\\u200d'],
  ])('%s', (_, text, expected) => {
    expect(visible(text)).toBe(expected);
  });
  test('every character of the sets, wherever it is', () => {
    const expected =
      /[^\P{Cc}\n\t]|\p{Bidi_Control}|\p{Noncharacter_Code_Point}|\p{Zl}|\p{Zp}|[\u{e0000}-\u{e0fff}]/u;
    const left: string[] = [];
    for (let code = 0; code <= 0x10ffff; code += 1) {
      const character = String.fromCodePoint(code);
      const shown = visible(`é${character}x`);
      if (expected.test(character) && shown.includes(character)) left.push(code.toString(16));
    }
    expect(left).toEqual([]);
  });
});

test.each([
  'grüße 世界 "x"\n\ty',
  'two\r\nlines\r\n',
  '🎉 👩‍💻 ❤️‍🔥 1️⃣ 👍🏽',
  'क्‍ष, می‌خواهم, שלום, العربية',
  'e\u0301 \u00a0 \ue0b0 \ufffd',
])('%j stays', (text) => {
  expect(visible(text)).toBe(text);
});

test('on one line ends of lines and tabs are shown too', () => {
  expect(visibleLine('a\r\nb\n\tc\u0007')).toBe('a\\r\\nb\\n\\tc\\u0007');
});

const all = '"\\\u001b\\u001b\u009b\u202e\u{e0041}\ud800\ufeff\u2028é\u200d\u200d\r\n\t\u007f';

test('JSON stays the same value', () => {
  const shown = visible(JSON.stringify({ [all]: all }, null, 2));
  expect(shown).toMatch(/^[\x20-\x7e\né\u200d]+$/);
  expect(JSON.parse(shown)).toEqual({ [all]: all });
});

test('YAML in double quotes stays the same value', () => {
  const shown = visibleYaml('"\u009b\u202e\u{e0041}"');
  expect(shown).toBe('"\\u009b\\u202e\\U000e0041"');
  expect(parseDocument(shown).toJS()).toBe('\u009b\u202e\u{e0041}');
});

test('an error of a manifest steers no terminal by the name of its file, nor by those of its fields', () => {
  const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n"\\e]0;title\\a": 1\n"\\u202e": 2\n';
  const { errors } = parseManifests([{ name: 'evil\u001b[31m.yaml', bytes: Buffer.from(text) }]);
  expect(errors).toHaveLength(2);
  for (const error of errors) {
    expect(formatManifestError(error)).toContain('evil\\u001b[31m.yaml:');
    expect(formatManifestError(error)).not.toMatch(/\p{Cc}|\p{Bidi_Control}/u);
  }
});
