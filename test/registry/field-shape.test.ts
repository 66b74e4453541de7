import { describe, expect, test } from 'vitest';
import { itemElement, type Shape } from '../../src/registry/field-shape.ts';

describe('the path element of an item', () => {
  const list: Extract<Shape, { type: 'list' }> = {
    type: 'list',
    keys: ['port', 'protocol'],
    defaults: { protocol: 'TCP' },
    item: { type: 'leaf' },
  };
  const without = { ...list, defaults: {} };

  test.each<[unknown, typeof list | { type: 'set' }, string | undefined]>([
    [{ port: 80, protocol: 'UDP', name: 'a' }, list, 'k:{"port":80,"protocol":"UDP"}'],
    [{ port: 80 }, list, 'k:{"port":80,"protocol":"TCP"}'],
    [{}, list, 'k:{"protocol":"TCP"}'],
    [{ port: 80 }, without, 'k:{"port":80}'],
    [{ name: 'a' }, without, undefined],
    ['a', list, undefined],
    [null, list, undefined],
    ['a', { type: 'set' }, 'v:"a"'],
    [1, { type: 'set' }, 'v:1'],
    [{}, { type: 'set' }, undefined],
  ])('%j in a %o is %s', (item, shape, element) => {
    expect(itemElement(item, shape)).toBe(element);
  });
});
