import { expect, test } from 'vitest';
import { withConditions } from '../../src/plan/conditions.ts';

test('a condition shows what steers a terminal in its message, and stays the same entry', () => {
  const finding = {
    type: 'Ready',
    status: 'False',
    reason: 'AgentError',
    message: 'said \u001b[2J\u202e',
  } as const;
  const first = withConditions(undefined, [finding], 1, () => '2026-01-31T12:00:00Z');
  expect(first[0]?.message).toBe('said \\u001b[2J\\u202e.');
  expect(withConditions(first, [finding], 1, () => '2026-01-31T13:00:00Z')).toBe(first);
});
