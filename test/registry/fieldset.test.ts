import { describe, expect, test } from 'vitest';
import {
  difference,
  type FieldSet,
  insert,
  intersection,
  members,
  pathText,
  union,
  withoutTrees,
} from '../../src/registry/fieldset.ts';

const set = (...paths: string[][]): FieldSet => {
  const out: FieldSet = {};
  for (const path of paths) insert(out, path);
  return out;
};

const [a, b] = ['f:a', 'f:b'];

describe('a field set', () => {
  test('marks a member that has members below it with a dot, in whichever order they came', () => {
    const expected = { 'f:a': { '.': {}, 'f:b': {} } };
    expect(set([a], [a, b])).toEqual(expected);
    expect(set([a, b], [a])).toEqual(expected);
    expect(set([a, b])).toEqual({ 'f:a': { 'f:b': {} } });
  });

  test.each<[string, FieldSet, FieldSet]>([
    ['union', union(set([a]), set([a, b])), set([a], [a, b])],
    ['union with nothing', union({}, set([a])), set([a])],
    ['intersection', intersection(set([a], [a, b]), set([a, b], [b])), set([a, b])],
    ['intersection of a parent and its child', intersection(set([a]), set([a, b])), {}],
    ['difference', difference(set([a], [a, b], [b]), set([a], [b])), set([a, b])],
    ['difference of a child and its parent', difference(set([a, b]), set([a])), set([a, b])],
    ['difference with all below', withoutTrees(set([a], [a, b], [b]), set([a])), set([b])],
    ['difference with all below a child', withoutTrees(set([a], [a, b]), set([a, b])), set([a])],
  ])('%s', (_name, found, expected) => {
    expect(found).toEqual(expected);
  });

  test('tells its members as Kubernetes writes paths', () => {
    const fields = set(
      ['f:spec', 'f:env', 'k:{"name":"A","port":80}', 'f:value'],
      ['f:metadata', 'f:finalizers', 'v:"x/y"'],
      ['f:list', 'i:0'],
    );
    expect([...members(fields)].map(pathText)).toEqual([
      '.spec.env[name="A",port=80].value',
      '.metadata.finalizers[="x/y"]',
      '.list[0]',
    ]);
  });
});
