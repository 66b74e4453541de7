import { describe, expect, test } from 'vitest';
import { ApiError } from '../../../src/api/errors.ts';
import { mayTakeBack, rivals, rivalsText } from '../../../src/plan/sync-bounds.ts';

const conflict = (...causes: { reason?: string; message: string; field?: string }[]): ApiError =>
  new ApiError('Conflict', 'Apply failed', {
    details: { causes: causes.map((cause) => ({ reason: 'FieldManagerConflict', ...cause })) },
  });

describe('whom an apply is in conflict with', () => {
  const cases: [string, string, string, boolean][] = [
    ['an applier', 'conflict with "kubectl"', 'kubectl', true],
    ['another Sync', 'conflict with "sync/prod/fleet"', 'sync/prod/fleet', true],
    ['one who updates', 'conflict with "kubectl-edit" using agentctl.dev/v1', 'kubectl-edit', false],
    [
      'one who updated then',
      'conflict with "kubectl-edit" using agentctl.dev/v1 at 2026-03-02T10:00:00Z',
      'kubectl-edit',
      false,
    ],
    [
      'one who updates a subresource',
      'conflict with "scaler" with subresource "scale" using agentctl.dev/v1',
      'scaler',
      false,
    ],
    ['an applier by a subresource', 'conflict with "scaler" with subresource "scale"', 'scaler', true],
    ['a name that says " using "', 'conflict with "one using two"', 'one using two', true],
    ['a name with quotes', 'conflict with "a \\"quoted\\" name" using v1', 'a "quoted" name', false],
    ['a name with a line break', 'conflict with "a\\nb"', 'a\nb', true],
  ];
  for (const [name, message, manager, applies] of cases)
    test(name, () => {
      expect(rivals(conflict({ message, field: '.spec.replicas' }))).toEqual([
        { manager, applies, field: 'spec.replicas' },
      ]);
    });

  test('a server that says it in other words makes it an applier, so that nothing is taken', () => {
    expect(rivals(conflict({ message: 'something else' }))).toEqual([
      { manager: '?', applies: true, field: '' },
    ]);
  });

  test('other causes are no rivals', () => {
    expect(rivals(conflict({ reason: 'FieldValueInvalid', message: 'conflict with "x"' }))).toEqual([]);
    expect(rivals(new ApiError('Conflict', 'the object was changed'))).toEqual([]);
  });

  test('is told with the field and both names, and without those who only changed it', () => {
    const found = [
      { manager: 'kubectl', applies: true, field: 'spec.replicas' },
      { manager: 'kubectl-edit', applies: false, field: 'spec.suspend' },
    ];
    expect(rivalsText(found, 'sync/prod/fleet')).toBe(
      'spec.replicas is also applied by "kubectl", with another value than "sync/prod/fleet"',
    );
  });

  test('of two Syncs that differ only in their notes is about the object', () => {
    const notes = ['agentctl.dev/sync', 'agentctl.dev/sync-path'].map((name) => ({
      manager: 'sync/prod/other',
      applies: true,
      field: `metadata.annotations.${name}`,
    }));
    expect(rivalsText(notes, 'sync/prod/fleet')).toBe(
      'it is applied by "sync/prod/other" as well as by "sync/prod/fleet"',
    );
  });

  test.each([
    ['none', [], false],
    ['who changed it', [false], true],
    ['who applies it', [true], false],
    ['both', [true, false], false],
  ])('what belongs to %s may be taken back: %#', (_, applies, may) => {
    const found = applies.map((each) => ({ manager: 'x', applies: each, field: 'spec.replicas' }));
    expect(mayTakeBack(found)).toBe(may);
  });
});
