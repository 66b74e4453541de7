import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { difference, type FieldSet, members, union } from '../../src/registry/fieldset.ts';
import { compare, fieldsOf, presentFields } from '../../src/registry/managers.ts';
import { Owned, type Step, shape } from '../registry/owned.ts';

const newMessage = fc.constantFrom('a', 'b', 'c', 'd');
const word = fc.constantFrom('x', 'y', 'z');
const map = fc.dictionary(newMessage, word, { maxKeys: 3 });
const words = fc.uniqueArray(word, { maxLength: 3 });
const some = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<object> =>
  fc.record(fields, { requiredKeys: [] });

/** Objects of the schema in owned.ts, small so that configurations often meet in a field. */
const config = some({
  scalar: word,
  number: fc.nat(2),
  struct: some({ name: word, value: word, deep: some({ a: word, b: word }) }),
  map,
  atomicMap: map,
  atomicList: fc.array(word, { maxLength: 2 }),
  set: words,
  list: fc.uniqueArray(
    fc.tuple(newMessage, some({ value: word, map, set: words })).map(([name, rest]) => ({ name, ...rest })),
    { maxLength: 3, selector: ({ name }) => name },
  ),
  ports: fc.uniqueArray(
    fc.record(
      { port: fc.nat(2), protocol: fc.constantFrom('TCP', 'UDP'), name: word },
      { requiredKeys: ['port'] },
    ),
    { maxLength: 3, selector: ({ port, protocol }) => `${port}/${protocol ?? 'TCP'}` },
  ),
  mapOfMaps: fc.dictionary(newMessage, map, { maxKeys: 2 }),
  free: fc.dictionary(newMessage, fc.oneof(word, map, fc.array(word, { maxLength: 2 })), { maxKeys: 2 }),
});

const by = fc.constantFrom('one', 'two', 'three');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ by, apply: config, force: fc.constant(true) }),
  fc.record({ by, update: config }),
);
const history = fc.array(step, { maxLength: 6 });

function played(steps: readonly Step[]): Owned {
  const owned = new Owned();
  for (const each of steps) owned.do(each);
  return owned;
}

const allFields = (owned: Owned, except?: string): FieldSet =>
  owned.managers
    .filter(({ manager, operation }) => !(manager === except && operation === 'Apply'))
    .reduce((all, { fields }) => union(all, fields), {});

const holds = (property: fc.IRawProperty<unknown>): void =>
  fc.assert(property as fc.IProperty<unknown>, { numRuns: 500 }); // prints its seed where it fails

describe('field ownership', () => {
  test('the same configuration applied again is a no-op', () => {
    holds(
      fc.property(history, by, config, (steps, by, apply) => {
        const owned = played([...steps, { by, apply, force: true }]);
        const [object, managers] = [owned.object, owned.owners()];
        owned.do({ by, apply });
        expect(owned.object).toBe(object);
        expect(owned.owners()).toEqual(managers);
      }),
    );
  });

  test('only fields that are there are owned', () => {
    holds(
      fc.property(history, (steps) => {
        const owned = played(steps);
        for (const { fields } of owned.managers) {
          expect([...members(presentFields(fields, owned.object, shape))]).toEqual(
            expect.arrayContaining([...members(fields)]),
          );
        }
      }),
    );
  });

  test('an applier owns exactly what its configuration says, and the object says it too', () => {
    holds(
      fc.property(history, by, config, (steps, by, apply) => {
        const owned = played([...steps, { by, apply, force: true }]);
        const mine = owned.managers.find(({ manager, operation }) => manager === by && operation === 'Apply');
        expect(mine?.fields ?? {}).toEqual(fieldsOf(apply, shape));
        expect(compare(owned.object, apply, shape)).toMatchObject({ added: {}, modified: {} });
      }),
    );
  });

  test('what the only owner applied is gone when it applies nothing', () => {
    holds(
      fc.property(config, (apply) => {
        const owned = played([
          { by: 'one', apply },
          { by: 'one', apply: {} },
        ]);
        expect(owned.owners()).toEqual({});
        expect([...members(fieldsOf(owned.object, shape))]).toEqual([]);
      }),
    );
  });

  test('giving up removes what nobody else owns, and leaves all that others own as it was', () => {
    holds(
      fc.property(history, by, config, (steps, by, apply) => {
        const owned = played([...steps, { by, apply, force: true }]);
        const before = owned.object;
        const sole = difference(fieldsOf(apply, shape), allFields(owned, by));
        const others = allFields(owned, by);
        owned.do({ by, apply: {} });
        const left = [...members(presentFields(leavesOf(sole, others), owned.object, shape))];
        expect(left).toEqual([]);
        expect(compare(before, owned.object, shape)).toMatchObject({ added: {}, modified: {} });
      }),
    );
  });

  test('an apply that is not forced either changes no field of another or changes nothing', () => {
    holds(
      fc.property(history, by, config, (steps, by, apply) => {
        const owned = played(steps);
        const [object, owners] = [owned.object, owned.owners()];
        const others = allFields(owned, by);
        try {
          owned.do({ by, apply });
        } catch {
          expect([owned.object, owned.owners()]).toEqual([object, owners]);
          return;
        }
        const { modified } = compare(object, owned.object, shape);
        const touched = [...members(modified)].filter((path) => has(others, path));
        expect(touched).toEqual([]);
      }),
    );
  });
});

/** Fields of `set` that lead to no field of `others`: a field that holds another's stays for that. */
function leavesOf(set: FieldSet, others: FieldSet): FieldSet {
  const out: FieldSet = {};
  for (const [element, child] of Object.entries(set)) {
    const other = others[element];
    if (other === undefined) out[element] = child;
    else if (element !== '.') {
      const rest = leavesOf(child, other);
      if (Object.keys(rest).length > 0) out[element] = rest;
    }
  }
  return out;
}

const has = (set: FieldSet, path: readonly string[]): boolean => {
  let node: FieldSet | undefined = set;
  for (const element of path) node = node?.[element];
  return node !== undefined && (Object.keys(node).length === 0 || '.' in node);
};
