import { expect, test } from 'vitest';
import { askedText } from '../../src/api/text.ts';
import { requestText } from '../../src/protocols/turn-events.ts';

test.each([
  [{ command: 'rm -rf ./work', description: 'List the files' }, 'rm -rf ./work'],
  [{ cwd: '/w', command: ['bash', '-lc', "echo 'a b'"] }, "bash -lc 'echo '\\''a b'\\''' (cwd: /w)"],
  [{ new_string: 'b', old_string: 'a', file_path: '/f' }, '/f (new_string: b, old_string: a)'],
  [{ path: '/f', oldText: null, newText: 'hello' }, '/f (newText: hello)'],
  [{ prompt: 'sum it up', url: 'https://example.org' }, 'https://example.org (prompt: sum it up)'],
  [{ path: 'harmless', command: 'rm' }, 'rm (path: harmless)'],
  [{ changes: [{ path: 'a' }] }, 'changes: [{"path":"a"}]'],
  ['ls', 'ls'],
  [{}, undefined],
  [undefined, undefined],
  [{ description: 'List the files' }, undefined],
])('%j is told as %s', (input, text) => {
  expect(requestText(input)).toBe(text);
});

test('what is long is cut, and says so', () => {
  expect(requestText({ command: `ls ${' '.repeat(2_000)}; rm -rf /` })).toMatch(
    /^ls +\.\.\. \(\d+ more characters\)$/,
  );
});

test.each([
  [{ title: 'List the files', request: 'rm -rf /' }, 'rm -rf / ("List the files")'],
  [{ title: 'Execute: `ls`', request: 'ls' }, 'ls'],
  [{ title: 'ls', request: 'ls (cwd: /)' }, 'ls (cwd: /)'],
  [{ title: 'ls' }, 'ls'],
])('of %j people read %s', (asked, text) => {
  expect(askedText(asked)).toBe(text);
});
