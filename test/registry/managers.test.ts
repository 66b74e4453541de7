import { describe, expect, test } from 'vitest';
import type { ManagedFieldsEntry } from '../../src/api/objects.ts';
import type { FieldSet } from '../../src/registry/fieldset.ts';
import {
  decodeManagers,
  encodeManagers,
  isReset,
  isSameWriter,
  type Manager,
} from '../../src/registry/managers.ts';
import { applyConflict } from '../../src/registry/ownership.ts';

const fields: FieldSet = { 'f:data': { 'f:a': {} } };
const manager = (more: Partial<Manager> = {}): Manager => ({
  manager: 'me',
  operation: 'Update',
  apiVersion: 'v1',
  fields,
  ...more,
});
const entry = (more: object = {}): ManagedFieldsEntry =>
  ({
    manager: 'me',
    operation: 'Apply',
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...more,
  }) as ManagedFieldsEntry; // what a client may send

describe('two writes are of the same writer', () => {
  test.each<[string, Partial<Manager>, boolean]>([
    ['all is the same', {}, true],
    ['the time differs', { time: '2026-01-01T00:00:00Z' }, true],
    ['the manager differs', { manager: 'you' }, false],
    ['the subresource differs', { subresource: 'status' }, false],
    ['the version differs', { apiVersion: 'v2' }, false],
    ['the operation differs', { operation: 'Apply' }, false],
  ])('where %s: %s', (_what, more, same) => {
    expect(isSameWriter(manager(), manager(more))).toBe(same);
  });

  test('who applies, over versions of the API', () => {
    expect(
      isSameWriter(manager({ operation: 'Apply' }), manager({ operation: 'Apply', apiVersion: 'v2' })),
    ).toBe(true);
  });
});

describe('an entry that a client sends', () => {
  test('is taken as it is where it makes sense', () => {
    const whole = entry({ subresource: 'status', time: '2026-01-01T00:00:00Z' });
    expect(decodeManagers([whole])).toEqual([
      {
        manager: 'me',
        operation: 'Apply',
        apiVersion: 'v1',
        subresource: 'status',
        time: '2026-01-01T00:00:00Z',
        fields,
      },
    ]);
    expect(decodeManagers(undefined)).toEqual([]);
  });

  test.each<[string, object, object]>([
    ['no manager', { manager: undefined }, { manager: '' }],
    ['no version', { apiVersion: undefined }, { apiVersion: '' }],
    ['an operation to update', { operation: 'Update' }, { operation: 'Update' }],
  ])('may have %s', (_what, more, expected) => {
    expect(decodeManagers([entry(more)])).toMatchObject([expected]);
  });

  test.each<[string, object, string]>([
    ['a time that is none', { time: 'yesterday' }, 'time'],
    ['a time that is no text', { time: 7 }, 'time'],
    ['a subresource that is no text', { subresource: 7 }, 'subresource'],
  ])('loses %s', (_what, more, field) => {
    const [decoded] = decodeManagers([entry(more)]);
    expect(decoded).toBeDefined();
    expect(decoded).not.toHaveProperty(field);
  });

  test.each<[string, unknown]>([
    ['is no object', 'me'],
    ['has an operation that there is not', entry({ operation: 'Delete' })],
    ['has a manager that is no text', entry({ manager: 7 })],
    ['has a version that is no text', entry({ apiVersion: 7 })],
    ['has no fields', entry({ fieldsV1: undefined })],
    ['has fields of no known notation', entry({ fieldsV1: { data: {} } })],
    ['has fields of no known notation further down', entry({ fieldsV1: { 'f:data': { a: {} } } })],
    ['has a field that is no set', entry({ fieldsV1: { 'f:data': 1 } })],
    ['has only the end of a known notation', entry({ fieldsV1: { 'xf:a': {} } })],
  ])('is dropped where it %s', (_what, sent) => {
    expect(decodeManagers([sent as ManagedFieldsEntry, entry()])).toHaveLength(1);
  });

  test.each(['f:a', 'k:{"a":1}', 'v:1', 'i:0', '.'])('may have the field %s', (element) => {
    expect(decodeManagers([entry({ fieldsV1: { 'f:x': { [element]: {} } } })])).toHaveLength(1);
  });

  test('alone and empty asks for the list to be emptied', () => {
    expect(isReset([{} as ManagedFieldsEntry])).toBe(true);
    for (const entries of [undefined, [], [{}, {}], [entry()], [null]])
      expect(isReset(entries as ManagedFieldsEntry[] | undefined)).toBe(false);
  });
});

describe('managedFields', () => {
  const text = (managers: Manager[]) =>
    encodeManagers(managers).map(({ manager, operation, apiVersion, time, subresource }) =>
      [operation, time, manager, apiVersion, subresource].filter((part) => part !== undefined).join(' '),
    );

  test('are sorted by operation, time, manager, version and subresource', () => {
    const sorted = [
      manager({ operation: 'Apply', time: '2', manager: 'z' }),
      manager({ time: undefined, manager: 'z' }),
      manager({ time: '1', manager: 'z' }),
      manager({ time: '2', manager: 'a', apiVersion: 'v1' }),
      manager({ time: '2', manager: 'a', apiVersion: 'v2' }),
      manager({ time: '2', manager: 'a', apiVersion: 'v2', subresource: 'status' }),
      manager({ time: '2', manager: 'b' }),
    ];
    const expected = [
      'Apply 2 z v1',
      'Update z v1',
      'Update 1 z v1',
      'Update 2 a v1',
      'Update 2 a v2',
      'Update 2 a v2 status',
      'Update 2 b v1',
    ];
    expect(text(sorted.toReversed())).toEqual(expected);
    expect(text(sorted)).toEqual(expected);
  });

  test('have no entry for who owns nothing, and nothing in it that is not known', () => {
    expect(encodeManagers([manager({ fields: {} })])).toEqual([]);
    expect(encodeManagers([manager()])).toEqual([
      { manager: 'me', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: fields },
    ]);
  });

  test('of more than ten who update are those of the nine newest, and of all older ones together', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, n) =>
        manager({ manager: `m${n}`, time: `${100 + n}`, fields: { [`f:${n}`]: {} } }),
      );
    expect(text(many(10))).toHaveLength(10);
    const applier = manager({ operation: 'Apply', time: '1' });
    const encoded = encodeManagers([...many(12).toReversed(), applier]);
    expect(encoded).toHaveLength(11);
    expect(encoded.filter(({ manager }) => manager === 'ancient-changes')).toEqual([
      {
        manager: 'ancient-changes',
        operation: 'Update',
        apiVersion: 'v1',
        time: '102',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:0': {}, 'f:1': {}, 'f:2': {} },
      },
    ]);
    expect(encoded.map(({ manager }) => manager)).toContain('m3');
    expect(encoded[0]?.operation).toBe('Apply');
  });
});

describe('the conflict of an apply', () => {
  const conflict = (one: Partial<Manager>, set: FieldSet = fields) => ({
    manager: manager(one),
    fields: set,
  });
  const who = (one: Partial<Manager>) => applyConflict([conflict(one)]).message;

  test('names who owns the field, as Kubernetes does', () => {
    expect(who({})).toBe('Apply failed with 1 conflict: conflict with "me" using v1: .data.a');
    expect(who({ time: 'T' })).toContain('conflict with "me" using v1 at T: .data.a');
    expect(who({ operation: 'Apply', time: 'T' })).toContain('conflict with "me": .data.a');
    expect(who({ subresource: 'status' })).toContain(
      'conflict with "me" with subresource "status" using v1:',
    );
  });

  test('names each field, and the managers by name', () => {
    const two: FieldSet = { 'f:data': { 'f:b': {}, 'f:c': {} } };
    const error = applyConflict([
      conflict({ manager: 'you', operation: 'Apply' }, two),
      conflict({ operation: 'Apply' }),
    ]);
    expect(error.message).toBe(
      'Apply failed with 3 conflicts: conflicts with "me":\n- .data.a\nconflicts with "you":\n- .data.b\n- .data.c',
    );
    expect(error).toMatchObject({
      status: 409,
      details: {
        causes: [
          { reason: 'FieldManagerConflict', message: 'conflict with "me"', field: '.data.a' },
          { reason: 'FieldManagerConflict', message: 'conflict with "you"', field: '.data.b' },
          { reason: 'FieldManagerConflict', message: 'conflict with "you"', field: '.data.c' },
        ],
      },
    });
  });
});
