import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deepEqual } from '../../src/api/equal.ts';
import { jsonPatch, mergePatch } from '../../src/api/merge.ts';

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
      'copies that double',
      { a: [1] },
      Array.from({ length: 101 }, () => ({ op: 'copy', from: '/a', path: '/a/-' })),
      'Invalid',
    ],
  ])('%s is refused', (_, target, operations, reason) => {
    expect(() => jsonPatch(target, operations)).toThrow(expect.objectContaining({ reason }));
  });
});
