import type { Step } from './owned.ts';

interface Case {
  steps: Step[];
  object: object;
  owners: Record<string, string[]>;
}

/**
 * Kubernetes' merge rules (Server-Side Apply, "Merge strategy" and "Field management"; structured-merge-diff, merge/*_test.go):
 * after the steps the object is this, and these own that.
 */
export const rules: Record<string, Record<string, Case>> = {
  'scalars and structs': {
    'an applier owns the leaves it names, not the structs around them': {
      steps: [{ by: 'one', apply: { scalar: 'a', struct: { name: 'b', deep: { a: 'c' } } } }],
      object: { scalar: 'a', struct: { name: 'b', deep: { a: 'c' } } },
      owners: { one: ['.scalar', '.struct.deep.a', '.struct.name'] },
    },
    'the same value by two appliers is shared': {
      steps: [
        { by: 'one', apply: { scalar: 'a' } },
        { by: 'two', apply: { scalar: 'a' } },
      ],
      object: { scalar: 'a' },
      owners: { one: ['.scalar'], two: ['.scalar'] },
    },
    'a field that its only owner leaves out is removed': {
      steps: [
        { by: 'one', apply: { scalar: 'a', number: 1 } },
        { by: 'one', apply: { number: 1 } },
      ],
      object: { number: 1 },
      owners: { one: ['.number'] },
    },
    'a shared field that one of its owners leaves out stays with the other': {
      steps: [
        { by: 'one', apply: { scalar: 'a', number: 1 } },
        { by: 'two', apply: { scalar: 'a' } },
        { by: 'one', apply: { number: 1 } },
      ],
      object: { scalar: 'a', number: 1 },
      owners: { one: ['.number'], two: ['.scalar'] },
    },
    'a field shared with one who updates stays when the applier leaves it out': {
      steps: [
        { by: 'one', update: { scalar: 'a' } },
        { by: 'two', apply: { scalar: 'a', number: 1 } },
        { by: 'two', apply: { number: 1 } },
      ],
      object: { scalar: 'a', number: 1 },
      owners: { 'one (update)': ['.scalar'], two: ['.number'] },
    },
    'a field that nobody owns stays when it was never applied': {
      steps: [
        { by: 'one', update: { scalar: 'a' } },
        { by: 'two', apply: { number: 1 } },
        { by: 'two', apply: {} },
      ],
      object: { scalar: 'a' },
      owners: { 'one (update)': ['.scalar'] },
    },
    'force takes a field from its owner': {
      steps: [
        { by: 'one', apply: { scalar: 'a', number: 1 } },
        { by: 'two', apply: { scalar: 'b' }, force: true },
      ],
      object: { scalar: 'b', number: 1 },
      owners: { one: ['.number'], two: ['.scalar'] },
    },
    'one who lost all fields is forgotten': {
      steps: [
        { by: 'one', apply: { scalar: 'a' } },
        { by: 'two', apply: { scalar: 'b' }, force: true },
      ],
      object: { scalar: 'b' },
      owners: { two: ['.scalar'] },
    },
    'an update takes a changed field without asking': {
      steps: [
        { by: 'one', apply: { scalar: 'a', number: 1 } },
        { by: 'two', update: { scalar: 'b', number: 1 } },
      ],
      object: { scalar: 'b', number: 1 },
      owners: { one: ['.number'], 'two (update)': ['.scalar'] },
    },
    'an update that changes nothing owns nothing': {
      steps: [
        { by: 'one', apply: { scalar: 'a' } },
        { by: 'two', update: { scalar: 'a' } },
      ],
      object: { scalar: 'a' },
      owners: { one: ['.scalar'] },
    },
    'an update that removes a field takes it from all': {
      steps: [
        { by: 'one', apply: { scalar: 'a', number: 1 } },
        { by: 'two', apply: { scalar: 'a' } },
        { by: 'three', update: { number: 1 } },
      ],
      object: { number: 1 },
      owners: { one: ['.number'] },
    },
    'one who updates and applies under one name is two managers': {
      steps: [
        { by: 'one', update: { scalar: 'a' } },
        { by: 'one', apply: { scalar: 'a', number: 1 } },
      ],
      object: { scalar: 'a', number: 1 },
      owners: { 'one (update)': ['.scalar'], one: ['.number', '.scalar'] },
    },
    'a struct whose last owned field is given up goes': {
      steps: [
        { by: 'one', apply: { scalar: 'a', struct: { deep: { a: 'x' } } } },
        { by: 'one', apply: { scalar: 'a' } },
      ],
      object: { scalar: 'a' },
      owners: { one: ['.scalar'] },
    },
    'a struct stays while another owns a field in it': {
      steps: [
        { by: 'one', apply: { struct: { name: 'a', deep: { a: 'x' } } } },
        { by: 'two', apply: { struct: { deep: { b: 'y' } } } },
        { by: 'one', apply: {} },
      ],
      object: { struct: { deep: { b: 'y' } } },
      owners: { two: ['.struct.deep.b'] },
    },
    'an empty struct is owned itself': {
      steps: [{ by: 'one', apply: { struct: {} } }],
      object: { struct: {} },
      owners: { one: ['.struct'] },
    },
  },
  'maps (granular)': {
    'keys are owned one by one, and merged': {
      steps: [
        { by: 'one', apply: { map: { a: '1', b: '2' } } },
        { by: 'two', apply: { map: { c: '3' } } },
      ],
      object: { map: { a: '1', b: '2', c: '3' } },
      owners: { one: ['.map.a', '.map.b'], two: ['.map.c'] },
    },
    'a key that is left out goes': {
      steps: [
        { by: 'one', apply: { map: { a: '1', b: '2' } } },
        { by: 'two', apply: { map: { c: '3' } } },
        { by: 'one', apply: { map: { a: '1' } } },
      ],
      object: { map: { a: '1', c: '3' } },
      owners: { one: ['.map.a'], two: ['.map.c'] },
    },
    'the map goes with its last key': {
      steps: [
        { by: 'one', apply: { scalar: 'x', map: { a: '1' } } },
        { by: 'one', apply: { scalar: 'x' } },
      ],
      object: { scalar: 'x' },
      owners: { one: ['.scalar'] },
    },
    'a key that holds a map is owned with what is in it': {
      steps: [
        { by: 'one', apply: { mapOfMaps: { a: { b: 'x', c: 'y' } } } },
        { by: 'one', apply: { mapOfMaps: { b: { a: 'x' } } } },
      ],
      object: { mapOfMaps: { b: { a: 'x' } } },
      owners: { one: ['.mapOfMaps.b', '.mapOfMaps.b.a'] },
    },
    'keys with dots and slashes are single elements': {
      steps: [{ by: 'one', apply: { map: { 'example.com/a.b': '1' } } }],
      object: { map: { 'example.com/a.b': '1' } },
      owners: { one: ['.map.example.com/a.b'] },
    },
  },
  'atomic maps and lists': {
    'are owned as a whole': {
      steps: [{ by: 'one', apply: { atomicMap: { a: '1', b: '2' }, atomicList: ['x', 'y'] } }],
      object: { atomicMap: { a: '1', b: '2' }, atomicList: ['x', 'y'] },
      owners: { one: ['.atomicList', '.atomicMap'] },
    },
    'are replaced as a whole': {
      steps: [
        { by: 'one', apply: { atomicMap: { a: '1' }, atomicList: ['x', 'y'] } },
        { by: 'two', apply: { atomicMap: { b: '2' }, atomicList: ['z'] }, force: true },
      ],
      object: { atomicMap: { b: '2' }, atomicList: ['z'] },
      owners: { two: ['.atomicList', '.atomicMap'] },
    },
    'an empty atomic list is a value': {
      steps: [{ by: 'one', apply: { atomicList: [] } }],
      object: { atomicList: [] },
      owners: { one: ['.atomicList'] },
    },
  },
  sets: {
    'items are owned one by one, and united': {
      steps: [
        { by: 'one', apply: { set: ['a', 'b'] } },
        { by: 'two', apply: { set: ['b', 'c'] } },
      ],
      object: { set: ['a', 'b', 'c'] },
      owners: { one: ['.set[="a"]', '.set[="b"]'], two: ['.set[="b"]', '.set[="c"]'] },
    },
    'an item that is left out goes unless another owns it too': {
      steps: [
        { by: 'one', apply: { set: ['a', 'b', 'c'] } },
        { by: 'two', apply: { set: ['c', 'd'] } },
        { by: 'one', apply: { set: ['a'] } },
      ],
      object: { set: ['a', 'c', 'd'] },
      owners: { one: ['.set[="a"]'], two: ['.set[="c"]', '.set[="d"]'] },
    },
    'the set goes with its last item': {
      steps: [
        { by: 'one', apply: { scalar: 'x', set: ['a'] } },
        { by: 'one', apply: { scalar: 'x' } },
      ],
      object: { scalar: 'x' },
      owners: { one: ['.scalar'] },
    },
  },
  'map lists': {
    'items are found by their keys, wherever they stand': {
      steps: [
        { by: 'one', apply: { list: [{ name: 'a', value: '1' }, { name: 'b' }] } },
        { by: 'two', apply: { list: [{ name: 'b', value: '2' }] } },
      ],
      object: {
        list: [
          { name: 'a', value: '1' },
          { name: 'b', value: '2' },
        ],
      },
      owners: {
        one: [
          '.list[name="a"]',
          '.list[name="a"].name',
          '.list[name="a"].value',
          '.list[name="b"]',
          '.list[name="b"].name',
        ],
        two: ['.list[name="b"]', '.list[name="b"].name', '.list[name="b"].value'],
      },
    },
    'an item that its only owner leaves out goes': {
      steps: [
        { by: 'one', apply: { list: [{ name: 'a' }, { name: 'b' }] } },
        { by: 'two', apply: { list: [{ name: 'c' }] } },
        { by: 'one', apply: { list: [{ name: 'a' }] } },
      ],
      object: { list: [{ name: 'a' }, { name: 'c' }] },
      owners: {
        one: ['.list[name="a"]', '.list[name="a"].name'],
        two: ['.list[name="c"]', '.list[name="c"].name'],
      },
    },
    'an item shared with another applier stays, without the fields that were given up': {
      steps: [
        { by: 'one', apply: { list: [{ name: 'a', value: '1' }] } },
        { by: 'two', apply: { list: [{ name: 'a' }] } },
        { by: 'one', apply: {} },
      ],
      object: { list: [{ name: 'a' }] },
      owners: { two: ['.list[name="a"]', '.list[name="a"].name'] },
    },
    'one who updates a field of an item owns that field, not the item': {
      steps: [
        { by: 'one', apply: { list: [{ name: 'a', value: '1' }] } },
        { by: 'two', update: { list: [{ name: 'a', value: '2' }] } },
      ],
      object: { list: [{ name: 'a', value: '2' }] },
      owners: {
        one: ['.list[name="a"]', '.list[name="a"].name'],
        'two (update)': ['.list[name="a"].value'],
      },
    },
    'an item goes with its owner though another updated a field in it': {
      steps: [
        { by: 'one', apply: { list: [{ name: 'a', value: '1' }, { name: 'b' }] } },
        { by: 'two', update: { list: [{ name: 'a', value: '2' }, { name: 'b' }] } },
        { by: 'one', apply: { list: [{ name: 'b' }] } },
      ],
      object: { list: [{ name: 'b' }] },
      owners: { one: ['.list[name="b"]', '.list[name="b"].name'] },
    },
    'a changed key is another item': {
      steps: [
        { by: 'one', apply: { list: [{ name: 'a', set: ['b'] }] } },
        { by: 'one', apply: { list: [{ name: 'b', set: ['b'] }] } },
      ],
      object: { list: [{ name: 'b', set: ['b'] }] },
      owners: { one: ['.list[name="b"]', '.list[name="b"].name', '.list[name="b"].set[="b"]'] },
    },
    'sets and maps in items are merged too': {
      steps: [
        { by: 'one', apply: { list: [{ name: 'a', set: ['b', 'c'], map: { x: '1' } }] } },
        { by: 'two', apply: { list: [{ name: 'a', set: ['d'], map: { y: '2' } }] } },
        { by: 'one', apply: { list: [{ name: 'a', set: ['c'] }] } },
      ],
      object: { list: [{ name: 'a', set: ['c', 'd'], map: { y: '2' } }] },
      owners: {
        one: ['.list[name="a"]', '.list[name="a"].name', '.list[name="a"].set[="c"]'],
        two: [
          '.list[name="a"]',
          '.list[name="a"].map.y',
          '.list[name="a"].name',
          '.list[name="a"].set[="d"]',
        ],
      },
    },
    'the order is that of the applied list, others keep their place': {
      steps: [
        { by: 'one', apply: { list: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] } },
        { by: 'two', apply: { list: [{ name: 'c' }, { name: 'd' }, { name: 'a' }] } },
      ],
      object: { list: [{ name: 'b' }, { name: 'c' }, { name: 'd' }, { name: 'a' }] },
      owners: {
        one: [
          '.list[name="a"]',
          '.list[name="a"].name',
          '.list[name="b"]',
          '.list[name="b"].name',
          '.list[name="c"]',
          '.list[name="c"].name',
        ],
        two: [
          '.list[name="a"]',
          '.list[name="a"].name',
          '.list[name="c"]',
          '.list[name="c"].name',
          '.list[name="d"]',
          '.list[name="d"].name',
        ],
      },
    },
    'a key that is left out counts with its default': {
      steps: [
        { by: 'one', apply: { ports: [{ port: 80, name: 'x' }] } },
        {
          by: 'two',
          apply: {
            ports: [
              { port: 80, protocol: 'TCP' },
              { port: 80, protocol: 'UDP' },
            ],
          },
        },
      ],
      object: {
        ports: [
          { port: 80, name: 'x', protocol: 'TCP' },
          { port: 80, protocol: 'UDP' },
        ],
      },
      owners: {
        one: [
          '.ports[port=80,protocol="TCP"]',
          '.ports[port=80,protocol="TCP"].name',
          '.ports[port=80,protocol="TCP"].port',
        ],
        two: [
          '.ports[port=80,protocol="TCP"]',
          '.ports[port=80,protocol="TCP"].port',
          '.ports[port=80,protocol="TCP"].protocol',
          '.ports[port=80,protocol="UDP"]',
          '.ports[port=80,protocol="UDP"].port',
          '.ports[port=80,protocol="UDP"].protocol',
        ],
      },
    },
  },
  'fields without a schema': {
    'maps are merged by key, lists are atomic': {
      steps: [
        { by: 'one', apply: { free: { a: { b: [1, 2] } } } },
        { by: 'two', apply: { free: { a: { c: true } } } },
      ],
      object: { free: { a: { b: [1, 2], c: true } } },
      owners: { one: ['.free.a', '.free.a.b'], two: ['.free.a', '.free.a.c'] },
    },
  },
};
