import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deepEqual } from '../../src/api/json.ts';
import { jsonPatch, mergePatch, mergePatchBetween, patchedDifferences } from '../../src/api/merge.ts';

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(0, 1, 'a', true, '__proto__'),
    fc.array(tie('value'), { maxLength: 2 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), tie('value'), { maxKeys: 3 }),
})).object;

describe('the merge patch between two objects', () => {
  test('makes the second of the first', () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        const patch = mergePatchBetween(before, after);
        expect(deepEqual(patch === undefined ? before : mergePatch(before, patch), after)).toBe(true);
      }),
    );
  });
  test('is none where they are the same', () => {
    expect(mergePatchBetween({ a: [1], b: { c: 2 } }, { b: { c: 2 }, a: [1] })).toBeUndefined();
  });
  test('names where a third object differs from them', () => {
    const patch = { a: { b: 1, c: 2 }, d: null };
    expect(patchedDifferences(patch, { a: { b: 0 }, e: 1 }, { a: { b: 0, c: 3 }, d: 4 })).toEqual([
      ['a', 'c'],
      ['d'],
    ]);
  });
});

// RFC 7386, appendix A.
describe('merge patch', () => {
  test.each<[unknown, unknown, unknown]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j is %j', (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result);
  });

  test('a field named __proto__ is a field like any other', () => {
    const merged = mergePatch({}, JSON.parse('{"__proto__": {"polluted": true}}'));
    expect(Object.hasOwn(merged as object, '__proto__')).toBe(true);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('applied twice it is the same as once', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (target, patch) => {
        const once = mergePatch(target, patch);
        expect(deepEqual(mergePatch(once, patch), once)).toBe(true);
      }),
    );
  });
});

// RFC 6902, appendix A.
describe('JSON patch', () => {
  test.each<[string, unknown, object[], unknown]>([
    ['add a field', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { foo: 'bar', baz: 'qux' }],
    [
      'add into a list',
      { foo: ['a', 'c'] },
      [{ op: 'add', path: '/foo/1', value: 'b' }],
      { foo: ['a', 'b', 'c'] },
    ],
    ['add at the end', { foo: ['a'] }, [{ op: 'add', path: '/foo/-', value: ['b'] }], { foo: ['a', ['b']] }],
    ['remove a field', { baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    ['remove from a list', { foo: ['a', 'b'] }, [{ op: 'remove', path: '/foo/0' }], { foo: ['b'] }],
    ['replace', { baz: 'qux' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo' }],
    ['replace in a list', { a: [1, 2, 3] }, [{ op: 'replace', path: '/a/1', value: 9 }], { a: [1, 9, 3] }],
    [
      'move',
      { foo: { a: 1 }, qux: {} },
      [{ op: 'move', from: '/foo/a', path: '/qux/b' }],
      { foo: {}, qux: { b: 1 } },
    ],
    [
      'move in a list',
      { foo: ['a', 'b', 'c'] },
      [{ op: 'move', from: '/foo/0', path: '/foo/2' }],
      { foo: ['b', 'c', 'a'] },
    ],
    ['copy', { a: 1 }, [{ op: 'copy', from: '/a', path: '/b' }], { a: 1, b: 1 }],
    ['test', { a: [1, { b: 2 }] }, [{ op: 'test', path: '/a', value: [1, { b: 2 }] }], { a: [1, { b: 2 }] }],
    [
      'escapes',
      { 'a/b': 1, '~c': 2 },
      [
        { op: 'remove', path: '/a~1b' },
        { op: 'replace', path: '/~0c', value: 3 },
      ],
      { '~c': 3 },
    ],
    ['the whole', { a: 1 }, [{ op: 'replace', path: '', value: 5 }], 5],
  ])('%s', (_, target, operations, result) => {
    const before = structuredClone(target);
    expect(jsonPatch(target, operations)).toEqual(result);
    expect(target).toEqual(before);
  });

  test.each<[string, unknown, unknown[], string]>([
    ['a test that fails', { a: 1 }, [{ op: 'test', path: '/a', value: 2 }], 'Invalid'],
    ['a parent that is missing', {}, [{ op: 'add', path: '/a/b', value: 1 }], 'Invalid'],
    ['a removal of nothing', {}, [{ op: 'remove', path: '/a' }], 'Invalid'],
    ['an index out of range', { a: [] }, [{ op: 'add', path: '/a/1', value: 1 }], 'Invalid'],
    ['an index with a zero first', { a: [1, 2] }, [{ op: 'remove', path: '/a/01' }], 'Invalid'],
    ['a move into itself', { a: { b: {} } }, [{ op: 'move', from: '/a', path: '/a/b' }], 'Invalid'],
    ['what every object inherits', {}, [{ op: 'test', path: '/constructor', value: 1 }], 'Invalid'],
    ['an unknown operation', {}, [{ op: 'merge', path: '/a' }], 'BadRequest'],
    ['no value', {}, [{ op: 'add', path: '/a' }], 'BadRequest'],
    ['no pointer', {}, [{ op: 'add', path: 'a', value: 1 }], 'BadRequest'],
    ['no operation', {}, [null], 'BadRequest'],
    [
      'too many of them',
      {},
      Array.from({ length: 10_001 }, () => ({ op: 'test', path: '', value: {} })),
      'RequestEntityTooLarge',
    ],
    [
      'more than a hundred copies',
      { a: 1 },
      Array.from({ length: 101 }, () => ({ op: 'copy', from: '/a', path: '/b' })),
      'Invalid',
    ],
  ])('%s is refused', (_, target, operations, reason) => {
    expect(() => jsonPatch(target, operations)).toThrow(expect.objectContaining({ code: reason }));
  });

  const times = (count: number, operation: (at: number) => object): object[] =>
    Array.from({ length: count }, (_, at) => operation(at));
  const wide = Object.fromEntries(Array.from({ length: 40_000 }, (_, at) => [`k${at}`, 1]));
  const nested = (levels: number): unknown => (levels === 0 ? {} : { a: nested(levels - 1) });

  test.each<[string, unknown, unknown[], string]>([
    [
      'copies of an object into itself, which double each time',
      { x: { a: 1 } },
      times(40, (at) => ({ op: 'copy', from: '/x', path: `/x/b${at}` })),
      'RequestEntityTooLarge',
    ],
    [
      'copies of a list into itself',
      { x: [1] },
      times(40, () => ({ op: 'copy', from: '/x', path: '/x/-' })),
      'RequestEntityTooLarge',
    ],
    ['a copy of too much', { x: wide }, [{ op: 'copy', from: '/x', path: '/y' }], 'RequestEntityTooLarge'],
    [
      'copies of a long text',
      { x: 'x'.repeat(1_000_000) },
      times(2, (at) => ({ op: 'copy', from: '/x', path: `/y${at}` })),
      'RequestEntityTooLarge',
    ],
    [
      'values put into each other until they are too deep',
      {},
      [
        { op: 'add', path: '/x', value: nested(60) },
        { op: 'add', path: '/y', value: nested(60) },
        { op: 'move', from: '/x', path: `/y${'/a'.repeat(60)}/a` },
      ],
      'Invalid',
    ],
    ['a path of many steps', {}, [{ op: 'test', path: '/a'.repeat(1_000_000), value: 1 }], 'Invalid'],
  ])('%s are refused', (_, target, operations, reason) => {
    expect(() => jsonPatch(target, operations)).toThrow(expect.objectContaining({ code: reason }));
  });

  test.each<[string, (at: number) => object]>([
    ['replace', (at) => ({ op: 'replace', path: `/x/k${at}`, value: 2 })],
    ['remove', (at) => ({ op: 'remove', path: `/x/k${at}` })],
    ['add', (at) => ({ op: 'add', path: `/x/n${at}`, value: 2 })],
    ['move', (at) => ({ op: 'move', from: `/x/k${at}`, path: `/x/n${at}` })],
    ['test', (at) => ({ op: 'test', path: `/x/k${at}`, value: 1 })],
  ])('thousands of operations "%s" on a large object do not rebuild it each time', (_, operation) => {
    const result = jsonPatch({}, [{ op: 'add', path: '/x', value: wide }, ...times(9_990, operation)]);
    expect(result).toHaveProperty('x.k39999', 1);
  });

  test('a copy is apart from what it was copied from, and the patch stays as it is', () => {
    const operations = [
      { op: 'add', path: '/a', value: { n: 1 } },
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'replace', path: '/b/n', value: 2 },
    ];
    const before = structuredClone(operations);
    expect(jsonPatch({}, operations)).toEqual({ a: { n: 1 }, b: { n: 2 } });
    expect(operations).toEqual(before);
  });

  test('a patch can add a field named __proto__', () => {
    const patched = jsonPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: true } }]);
    expect(Object.hasOwn(patched as object, '__proto__')).toBe(true);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
