import { describe, expect, test } from 'vitest';
import { revisionText, syncManager, syncOfManager } from '../../src/api/annotations.ts';

const commit = '3f1c2a90b1d24e5f60718293a4b5c6d7e8f90a1b';

describe('a revision is read by people as', () => {
  const cases: [string, string | undefined, string][] = [
    [commit, undefined, '3f1c2a90b1d2'],
    [commit, '', '3f1c2a90b1d2'],
    [commit, 'refs/heads/main', 'main@3f1c2a90b1d2'],
    [commit, 'refs/heads/team/blue', 'team/blue@3f1c2a90b1d2'],
    [commit, 'refs/tags/v1.0', 'v1.0@3f1c2a90b1d2'],
    [commit, 'refs/heads/refs/heads/main', 'refs/heads/main@3f1c2a90b1d2'],
    [commit, 'HEAD', 'HEAD@3f1c2a90b1d2'],
    [`sha256:${'0123456789abcdef'.repeat(4)}`, undefined, 'sha256:0123456789ab'],
    ['abc', undefined, 'abc'],
    ['', undefined, ''],
  ];
  for (const [revision, reference, expected] of cases)
    test(`${expected || 'nothing'} (${reference ?? 'no reference'})`, () => {
      expect(revisionText(revision, reference)).toBe(expected);
    });
});

describe('the manager of a Sync', () => {
  test('names it, and is read back', () => {
    const key = { namespace: 'prod', name: 'fleet' };
    expect(syncManager(key)).toBe('sync/prod/fleet');
    expect(syncOfManager(syncManager(key))).toEqual(key);
    expect(syncManager({ name: 'fleet' })).toBe('sync/default/fleet');
  });

  test('is no other', () => {
    for (const manager of [
      'agentctl',
      'sync',
      'sync/fleet',
      'sync//fleet',
      'sync/prod/',
      'sync/prod/fleet/more',
      'async/prod/fleet',
      'sync/prod/fleet\n/x/y',
      '',
    ])
      expect(syncOfManager(manager), manager).toBeUndefined();
  });
});
