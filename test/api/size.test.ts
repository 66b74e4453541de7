import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  jsonFault,
  mostCharacters,
  mostValues,
  sizeFault,
  sizeOf,
  valuesInJson,
} from '../../src/api/json.ts';

describe('the size of an object', () => {
  test('is its fields, items and characters, without the status', () => {
    expect(sizeOf({ a: 'xyz', list: [1, { b: 'c' }], status: { much: ['of', 'it'] } })).toEqual({
      values: 5,
      characters: 10,
    });
  });

  test('is a fault beyond the bounds, and not on them', () => {
    expect(sizeFault({ values: mostValues, characters: mostCharacters })).toBeUndefined();
    expect(sizeFault({ values: mostValues + 1, characters: 0 })).toBe(
      'the object has 10001 fields and items, at most 10000 are allowed: split it',
    );
    expect(sizeFault({ values: 0, characters: mostCharacters + 1 })).toContain('split it');
  });
});

describe('the values in a JSON text', () => {
  test('are counted without what stands in its texts', () => {
    expect(valuesInJson('{"a,[{": [1, "\\",[", {}]}')).toBe(5);
  });

  test('are at least as many as the parsed object has', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
        const text = JSON.stringify({ object });
        expect(valuesInJson(text)).toBeGreaterThanOrEqual(sizeOf(JSON.parse(text)).values);
      }),
    );
  });

  test('are a fault where there are too many, however short each is', () => {
    expect(jsonFault(`[${Array(100_001).fill('1').join(',')}]`)).toBe(
      'it has more than 100000 fields and items',
    );
    expect(jsonFault(`["${','.repeat(200_000)}"]`)).toBeUndefined();
  });
});

test('the count of an object that holds itself many times over ends', () => {
  let tree: unknown = {};
  for (let level = 0; level < 60; level++) tree = { one: tree, other: tree };
  expect(sizeOf({ tree }).values).toBe(100_001);
});
