import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { difference, updateClass } from '../../src/api/difference.ts';
import { pathText } from '../../src/api/json.ts';
import { kindInfo } from '../../src/api/kinds.ts';
import { withDefaults } from '../../src/api/shape.ts';

const { schema } = kindInfo('Agent');
const agent = (spec: object): object => ({ spec: { template: { command: ['a'] }, ...spec } });
const template = (fields: object): object => agent({ template: { command: ['a'], ...fields } });
const between = (before: object, after: object): [string, unknown, unknown][] =>
  difference(schema, before, after).map((one) => [pathText(one.path), one.before, one.after]);

describe('difference', () => {
  test('tells each field with its values before and after', () => {
    expect(between(agent({ replicas: 2, minReady: '2s' }), agent({ replicas: 3, minReady: '2s' }))).toEqual([
      ['spec.replicas', 2, 3],
    ]);
  });

  test('names an entry of a map list by its key, whatever its place', () => {
    const before = template({
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
    });
    const after = template({
      env: [
        { name: 'B', value: '3' },
        { name: 'A', value: '1' },
        { name: 'C', value: '4' },
      ],
    });
    expect(between(before, after)).toEqual([
      ['spec.template.env[name=B].value', '2', '3'],
      ['spec.template.env[name=C]', undefined, { name: 'C', value: '4' }],
    ]);
  });

  test('takes an atomic list as a whole', () => {
    expect(between(template({ args: ['a', 'b'] }), template({ args: ['b', 'a'] }))).toEqual([
      ['spec.template.args', ['a', 'b'], ['b', 'a']],
    ]);
  });

  test('does not look at the order of a set', () => {
    const before = template({ security: { capabilities: { add: ['A', 'B'] } } });
    const after = template({ security: { capabilities: { add: ['B', 'A'] } } });
    expect(between(before, after)).toEqual([]);
  });

  test.each<[string, object, object]>([
    ['a default that is filled in', agent({}), withDefaults(schema, agent({}))],
    ['an object of defaults', template({}), template({ network: { mode: 'Bridge' }, security: {} })],
    ['an empty list', template({}), template({ env: [], args: [] })],
    ['a policy of defaults', agent({ policy: {} }), withDefaults(schema, agent({ policy: {} }))],
    [
      'a default in a list',
      template({ files: [{ path: 'a', content: '' }] }),
      template({ files: [{ path: 'a', content: '', mode: '0444' }] }),
    ],
  ])('never shows %s', (_, before, after) => {
    expect(between(before, after)).toEqual([]);
    expect(between(after, before)).toEqual([]);
  });

  test('never shows a default, whatever part of an Agent is there', () => {
    const full: Record<string, unknown> = {
      ...{
        policy: { scheduledRestart: { every: '1h' }, stop: {} },
        replicas: 2,
        minReady: '1s',
        suspend: false,
      },
      ...{ readiness: { httpGet: { port: 1 } }, liveness: { log: { pattern: 'x' }, period: '10s' } },
    };
    const parts: Record<string, unknown> = {
      ...{
        image: 'i',
        command: ['c'],
        args: [],
        env: [{ name: 'A' }],
        envFrom: [{ secretRef: { name: 's' } }],
      },
      ...{
        files: [{ path: '/a', secretKeyRef: { name: 's', key: 'k' } }],
        network: { ports: [{ containerPort: 1 }] },
      },
      ...{
        volumes: [{ name: 'v', named: {} }],
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
        security: {},
      },
      ...{ resources: { limits: {} }, readOnlyRootFilesystem: false },
    };
    const some = (of: Record<string, unknown>): fc.Arbitrary<object> =>
      fc.subarray(Object.keys(of)).map((names) => Object.fromEntries(names.map((name) => [name, of[name]])));
    fc.assert(
      fc.property(some(full), some(parts), (spec, template) => {
        const before = { spec: { ...spec, template } };
        const after = withDefaults(schema, before);
        expect(between(before, after)).toEqual([]);
        expect(between(after, before)).toEqual([]);
      }),
    );
  });

  test('shows an empty object that chooses between several', () => {
    const before = template({ volumes: [{ name: 'v', named: {} }] });
    const after = template({ volumes: [{ name: 'v', tmpfs: {} }] });
    expect(between(before, after).map(([path]) => path)).toEqual([
      'spec.template.volumes[name=v].named',
      'spec.template.volumes[name=v].tmpfs',
    ]);
  });

  test('shows an object that comes or goes as one', () => {
    const readiness = { tcpSocket: { port: 80 }, period: '1s' };
    expect(between(agent({}), agent({ readiness }))).toEqual([['spec.readiness', undefined, readiness]]);
  });
});

describe('what a change does', () => {
  test.each([
    ['replicas', 'live'],
    ['policy', 'live'],
    ['runtimeRef', 'restart'],
    ['protocol', 'restart'],
    ['template', 'restart'],
  ])('spec.%s: %s', (field, update) => {
    expect(updateClass(schema, ['spec', field])).toBe(update);
  });

  test('is inherited, and can be said anew below', () => {
    expect(updateClass(schema, ['spec', 'template', 'env', 'name=A', 'value'])).toBe('restart');
    expect(updateClass(schema, ['spec', 'template', 'imagePullPolicy'])).toBe('live');
    expect(updateClass(schema, ['metadata', 'labels', 'a'])).toBe('live');
  });
});
