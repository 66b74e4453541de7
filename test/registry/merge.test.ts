import { describe, expect, test } from 'vitest';
import { mergeInto } from '../../src/registry/ownership.ts';
import { shape } from './owned.ts';

/** The order of a merged set, as structured-merge-diff has it (typed/merge_test.go): live, applied, merged. */
const orders: [live: string, applied: string, merged: string][] = [
  ['abc', 'ab', 'abc'],
  ['ab', 'abc', 'abc'],
  ['abc', '', 'abc'],
  ['', 'abc', 'abc'],
  ['ab', 'ba', 'ba'],
  ['abc', 'def', 'abcdef'],
  ['abc', 'cdef', 'abcdef'],
  ['abcgf', 'cdef', 'abcgdef'],
  ['abc', 'defxyz', 'abcdefxyz'],
  ['cdef', 'ace', 'acdef'],
  ['abcxyz', 'def', 'abcxyzdef'],
  ['abcxyz', 'defxyz', 'abcdefxyz'],
  ['cagf', 'cfag', 'cfag'],
  ['abcd', 'defa', 'bcdefa'],
  ['cdefghij', '2h3e4kl', 'cdfg2hij3e4kl'],
  ['abcdefghij', '1b2h3e4kl', 'a1bcdfg2hij3e4kl'],
];

describe('a merged list', () => {
  test.each(orders)('of %j under %j is %j', (live, applied, merged) => {
    const sets = mergeInto({ set: [...live] }, { set: [...applied] }, shape);
    expect(sets).toEqual({ set: [...merged] });
    const named = (text: string) => [...text].map((name) => ({ name }));
    const lists = mergeInto({ list: named(live) }, { list: named(applied) }, shape);
    expect(lists).toEqual({ list: named(merged) });
  });
});

describe('a merge that changes nothing', () => {
  test.each([
    { scalar: 'a' },
    { struct: { deep: { a: 'x' } } },
    { map: { a: '1' } },
    { atomicList: ['x', 'y'] },
    { set: ['b'] },
    { list: [{ name: 'a', set: ['y'] }] },
    {},
  ])('answers the very same object: %j', (applied) => {
    const live = {
      scalar: 'a',
      struct: { name: 'n', deep: { a: 'x', b: 'y' } },
      map: { a: '1', b: '2' },
      atomicList: ['x', 'y'],
      set: ['a', 'b'],
      list: [{ name: 'a', set: ['x', 'y'] }],
    };
    expect(mergeInto(live, applied, shape)).toBe(live);
  });
});
