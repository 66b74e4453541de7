import { expect, test } from 'vitest';
import { asSentence, sentence } from '../../src/api/text.ts';

test.each([
  ['the image a:1 cannot be pulled', 'The image a:1 cannot be pulled.'],
  ['no space is left', 'No space is left.'],
  ['It is Ready.', 'It is Ready.'],
  ['web cannot be reached', 'web cannot be reached.'],
  ['there-is-no cannot be reached', 'there-is-no cannot be reached.'],
  ['spec.suspend is true', 'spec.suspend is true.'],
  ['Why not?', 'Why not?'],
  ['Create it with --from-literal=K=...', 'Create it with --from-literal=K=...'],
  ['is it cut…', 'is it cut…'],
  ['the end\n', 'The end.'],
  ['', ''],
])('%j as a sentence', (text, expected) => {
  expect(asSentence(text)).toBe(expected);
  expect(asSentence(expected)).toBe(expected);
});

test('a full stop is added where there is none', () => {
  expect(['the end', 'the end.', 'the end!'].map(sentence)).toEqual(['the end.', 'the end.', 'the end!']);
});
