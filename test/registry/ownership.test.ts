import { describe, expect, test } from 'vitest';
import { isApiError } from '../../src/api/errors.ts';
import { Owned, type Step } from './owned.ts';
import { rules } from './ownership-rules.ts';

for (const [topic, cases] of Object.entries(rules)) {
  describe(topic, () => {
    for (const [name, { steps, object, owners }] of Object.entries(cases)) {
      test(name, () => {
        const owned = new Owned();
        for (const step of steps) owned.do(step);
        expect(owned.object).toEqual(object);
        expect(owned.owners()).toEqual(Object.fromEntries(Object.entries(owners).sort()));
      });
    }
  });
}

describe('conflicts', () => {
  const conflicts: Record<string, { steps: Step[]; apply: Step; fields: string[] }> = {
    'another value for a scalar of another applier': {
      steps: [{ by: 'one', apply: { scalar: 'a', number: 1 } }],
      apply: { by: 'two', apply: { scalar: 'b', number: 1 } },
      fields: ['.scalar'],
    },
    'another value for a scalar that another updated': {
      steps: [{ by: 'one', update: { scalar: 'a' } }],
      apply: { by: 'two', apply: { scalar: 'b' } },
      fields: ['.scalar'],
    },
    'one value of an item': {
      steps: [{ by: 'one', apply: { list: [{ name: 'a', value: '0' }] } }],
      apply: { by: 'two', apply: { list: [{ name: 'a', value: '1' }] } },
      fields: ['.list[name="a"].value'],
    },
    'one key of a map': {
      steps: [{ by: 'one', apply: { map: { a: '1', b: '2' } } }],
      apply: { by: 'two', apply: { map: { b: '3' } } },
      fields: ['.map.b'],
    },
    'an atomic list that differs in one item': {
      steps: [{ by: 'one', apply: { atomicList: ['a', 'b'] } }],
      apply: { by: 'two', apply: { atomicList: ['a'] } },
      fields: ['.atomicList'],
    },
    'an atomic map with one key more': {
      steps: [{ by: 'one', apply: { atomicMap: { a: '1' } } }],
      apply: { by: 'two', apply: { atomicMap: { a: '1', b: '2' } } },
      fields: ['.atomicMap'],
    },
    "the applier's own field, since another updated it": {
      steps: [
        { by: 'one', apply: { scalar: 'a' } },
        { by: 'two', update: { scalar: 'b' } },
      ],
      apply: { by: 'one', apply: { scalar: 'a' } },
      fields: ['.scalar'],
    },
  };

  for (const [name, { steps, apply, fields }] of Object.entries(conflicts)) {
    test(`are told for ${name}, and nothing changes`, () => {
      const owned = new Owned();
      for (const step of steps) owned.do(step);
      const before = structuredClone([owned.object, owned.owners()]);
      let error: unknown;
      try {
        owned.do(apply);
      } catch (thrown) {
        error = thrown;
      }
      expect(
        isApiError(error, 'Conflict') ? error.details?.causes?.map(({ field }) => field) : error,
      ).toEqual(fields);
      expect([owned.object, owned.owners()]).toEqual(before);
      owned.do({ ...apply, force: true });
      expect(owned.object).toMatchObject(apply.apply ?? {});
    });
  }

  test('an item more in a set is none', () => {
    const owned = new Owned();
    owned.do({ by: 'one', apply: { set: ['a'] } });
    owned.do({ by: 'two', apply: { set: ['b'] } });
    expect(owned.object).toEqual({ set: ['a', 'b'] });
  });

  test('are grouped by manager in the message, as Kubernetes prints them', () => {
    const owned = new Owned();
    owned.do({ by: 'one', apply: { scalar: 'a', number: 1 } });
    owned.do({ by: 'two', update: { scalar: 'a', number: 1, map: { x: '1' } } });
    expect(() => owned.do({ by: 'three', apply: { scalar: 'b', number: 2, map: { x: '2' } } })).toThrow(
      [
        'Apply failed with 3 conflicts: conflicts with "one":',
        '- .scalar',
        '- .number',
        'conflicts with "two" using v1 at 2026-01-01T00:00:00Z:',
        '- .map.x',
      ].join('\n'),
    );
  });
});
