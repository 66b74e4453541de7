import { describe, expect, test } from 'vitest';
import type { JsonSchema } from '../../src/api/json.ts';
import { itemElement, type Shape, shapeOf } from '../../src/registry/fieldset.ts';

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

describe('the shape of a schema', () => {
  const [leaf, text]: [Shape, JsonSchema] = [{ type: 'leaf' }, { type: 'string' }];
  const list = (listType: 'atomic' | 'set' | 'map' | undefined, items: JsonSchema = text): JsonSchema => ({
    type: 'array',
    items,
    ...(listType === undefined ? {} : { 'x-kubernetes-list-type': listType }),
  });
  const map = (fields: Record<string, Shape>, rest?: Shape): Shape => ({
    type: 'map',
    fields: new Map(Object.entries(fields)),
    rest,
  });

  test.each<[JsonSchema, Shape]>([
    [text, leaf],
    [{}, leaf],
    [list(undefined), leaf],
    [list('atomic'), leaf],
    [list('set'), { type: 'set' }],
    [{ type: 'object' }, map({})],
    [{ type: 'object', additionalProperties: text }, map({}, leaf)],
    [{ type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: text } }, leaf],
    [{ type: 'object', properties: { a: text, b: list('set') } }, map({ a: leaf, b: { type: 'set' } })],
  ])('%j is %j', (schema, shape) => {
    expect(shapeOf(schema)).toEqual(shape);
  });

  test('of a list by keys has its keys in order, and the defaults of those that have one', () => {
    const item: JsonSchema = {
      type: 'object',
      properties: { protocol: { ...text, default: 'TCP' }, port: { type: 'integer' } },
    };
    const keys = { 'x-kubernetes-list-map-keys': ['protocol', 'port'] };
    expect(shapeOf({ ...list('map', item), ...keys })).toEqual({
      type: 'list',
      keys: ['port', 'protocol'],
      defaults: { protocol: 'TCP' },
      item: map({ protocol: leaf, port: leaf }),
    });
  });

  test('that leaves its fields open has maps all the way down', () => {
    const open = shapeOf({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
    const rest = open.type === 'map' ? open.rest : undefined;
    expect(rest).toMatchObject({ type: 'map', fields: new Map() });
    expect(rest?.type === 'map' && rest.rest).toBe(rest);
  });
});
