import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asWrittenIn, isSameAmount, withTextAmounts } from '../../src/api/amounts.ts';
import { difference } from '../../src/api/difference.ts';
import type { JsonSchema } from '../../src/api/json.ts';
import { kindInfo } from '../../src/api/kinds.ts';

const amount = (unit: JsonSchema['x-agentctl-amount']): JsonSchema => ({
  type: 'string',
  ...(unit === undefined ? {} : { 'x-agentctl-amount': unit }),
});
const agent = kindInfo('Agent').schema;

describe('two texts are the same amount', () => {
  test.each([
    ['cores', '1', '1000m'],
    ['cores', '0.5', '500m'],
    ['cores', '0.1', '100.0m'],
    ['cores', '2.50', '2.5'],
    ['bytes', '1Gi', '1024Mi'],
    ['bytes', '1073741824', '1Gi'],
    ['bytes', '1.5k', '1500'],
    ['duration', '60s', '1m'],
    ['duration', '90m', '1h30m'],
    ['duration', '0', '0s'],
    ['duration', '0.5s', '500ms'],
  ] as const)('of %s: %s and %s', (unit, one, other) => {
    expect(isSameAmount(amount(unit), one, other)).toBe(true);
    expect(isSameAmount(amount(undefined), one, other)).toBe(false);
  });
});

test.each([
  ['cores', '1', '1001m'],
  ['bytes', '1G', '1Gi'],
  ['duration', '60s', '61s'],
  ['duration', 'soon', 'soon'],
  ['cores', 'many', 'many'],
  ['cores', undefined, undefined],
] as const)('other texts are not: of %s %s and %s', (unit, one, other) => {
  expect(isSameAmount(amount(unit), one, other)).toBe(false);
});

/** An Agent's spec with an amount in each sort of place: a field, an item of a map list, an item of an atomic list. */
const spec = (cpu: string, memory: string, time: string) => ({
  spec: {
    minReady: time,
    policy: { backoff: { schedule: ['1s', time] } },
    template: {
      resources: { limits: { cpu, memory } },
      volumes: [
        { name: 'other', mountPath: '/o', tmpfs: {} },
        { name: 'cache', mountPath: '/c', tmpfs: { sizeLimit: memory } },
      ],
    },
  },
});

test('amounts written otherwise are no difference, and are kept as they were, wherever they stand', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 500 }), (count, seconds) => {
      const one = spec(`${count}`, `${count}Gi`, `${seconds * 60}s`);
      const other = spec(`${count * 1000}m`, `${count * 1024}Mi`, `${seconds}m`);
      other.spec.template.volumes.reverse();
      expect(difference(agent, one, other)).toEqual([]);
      const kept = asWrittenIn(agent, other, one);
      expect(kept.spec.minReady).toBe(one.spec.minReady);
      expect(kept.spec.policy).toEqual(one.spec.policy);
      expect(kept.spec.template.resources).toEqual(one.spec.template.resources);
      expect(kept.spec.template.volumes).toEqual(one.spec.template.volumes.toReversed());
    }),
  );
});

test('an amount that differs is a difference of its field alone, and is taken', () => {
  const [one, other] = [spec('1', '1Gi', '60s'), spec('1001m', '1024Mi', '1m')];
  expect(difference(agent, one, other).map(({ path }) => path.join('.'))).toEqual([
    'spec.template.resources.limits.cpu',
  ]);
  expect(asWrittenIn(agent, other, one).spec.template.resources.limits).toEqual({
    cpu: '1001m',
    memory: '1Gi',
  });
});

test('a bare number is taken for cores and for bytes, and never for a time', () => {
  const bare = {
    spec: { minReady: 60, template: { resources: { limits: { cpu: 0.5, memory: 1_073_741_824 } } } },
  };
  expect(withTextAmounts(agent, bare)).toEqual({
    spec: { minReady: 60, template: { resources: { limits: { cpu: '0.5', memory: '1073741824' } } } },
  });
});

test('what holds no amounts that change is shared', () => {
  const same = spec('1', '1Gi', '60s');
  expect(asWrittenIn(agent, same, spec('2', '2Gi', '5s'))).toBe(same);
  expect(withTextAmounts(agent, same)).toBe(same);
});
