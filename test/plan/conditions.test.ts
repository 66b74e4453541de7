import { describe, expect, test } from 'vitest';
import type { Condition } from '../../src/api/objects.ts';
import { type Finding, withConditions } from '../../src/plan/conditions.ts';

const finding = (more: Partial<Finding> = {}): Finding => ({
  type: 'Ready',
  status: 'False',
  reason: 'Starting',
  message: 'It starts.',
  ...more,
});

const early = '2026-01-31T12:00:00Z';
const late = '2026-01-31T13:00:00Z';
const conditions = (
  findings: Finding[],
  stored?: Condition[],
  generation: number | undefined = 1,
  now = early,
) => withConditions(stored, findings, generation, () => now);

test('a condition shows what steers a terminal in its message, and stays the same entry', () => {
  const said = finding({ reason: 'AgentError', message: 'said \u001b[2J\u202e' });
  const first = conditions([said]);
  expect(first[0]?.message).toBe('said \\u001b[2J\\u202e.');
  expect(conditions([said], first, 1, late)).toBe(first);
});

describe('conditions', () => {
  test('that are new have the time, the generation and all that was found', () => {
    expect(conditions([finding()])).toEqual([
      {
        type: 'Ready',
        status: 'False',
        observedGeneration: 1,
        lastTransitionTime: early,
        reason: 'Starting',
        message: 'It starts.',
      },
    ]);
    expect(withConditions(undefined, [finding()], undefined, () => early)[0]).not.toHaveProperty(
      'observedGeneration',
    );
    expect(conditions([])).toEqual([]);
  });

  test.each<[string, Partial<Finding>, number, string]>([
    ['its status', { status: 'True' }, 1, late],
    ['its reason', { reason: 'BackOff' }, 1, early],
    ['its message', { message: 'It waits.' }, 1, early],
    ['its generation', {}, 2, early],
  ])(
    'of which one changed %s have its time of transition: only a status moves it',
    (_what, more, generation, time) => {
      const stored = conditions([finding()]);
      const next = conditions([finding(more)], stored, generation, late);
      expect(next).not.toBe(stored);
      expect(next).toEqual([{ ...finding(more), observedGeneration: generation, lastTransitionTime: time }]);
    },
  );

  test('keep the entries that did not change', () => {
    const other = finding({ type: 'Drifted', reason: 'InSync' });
    const stored = conditions([finding(), other]);
    const next = conditions([finding({ status: 'True' }), other], stored, 1, late);
    expect(next[1]).toBe(stored[1]);
    expect(next[0]?.lastTransitionTime).toBe(late);
  });

  test('are in the order in which they are found, and found by their type', () => {
    const other = finding({ type: 'Drifted', reason: 'InSync' });
    const stored = conditions([finding(), other]);
    const turned = conditions([other, finding()], stored, 1, late);
    expect(turned).toEqual([stored[1], stored[0]]);
    expect(turned[0]).toBe(stored[1]);
    expect(conditions([other, finding()], turned, 1, late)).toBe(turned);
  });

  test('that are not found any more go', () => {
    const stored = conditions([finding(), finding({ type: 'Stalled' })]);
    expect(conditions([finding()], stored, 1, late)).toEqual([stored[0]]);
    expect(conditions([], stored, 1, late)).toEqual([]);
  });
});
