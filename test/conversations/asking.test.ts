import { expect, test } from 'vitest';
import { actionFor, usedWithoutAsking } from '../../src/conversations/enforcement.ts';

const call = { kind: 'execute', asked: false, announced: true, whole: true, end: 'completed' } as const;

test.each([
  ['a tool that was used', call, 'Yes'],
  ['one that was asked about', { ...call, asked: true }, 'No'],
  ['one that ended failed', { ...call, end: 'failed' }, 'Yes'],
  ['one that was asked about and ended failed', { ...call, asked: true, end: 'failed' }, 'No'],
  ['one that was announced and never ended', { ...call, end: undefined }, 'Yes'],
  ['one that was asked about and never ended', { ...call, asked: true, end: undefined }, 'No'],
  ['a change of a file that was made', { ...call, kind: 'edit' }, 'Yes'],
  ['a change of a file that failed', { ...call, kind: 'edit', end: 'failed' }, 'Unclear'],
  ['a request to the network that failed', { ...call, kind: 'fetch', end: 'failed' }, 'Yes'],
  [
    'one of which nothing was told but that it failed',
    { ...call, announced: false, end: 'failed' },
    'Unclear',
  ],
  ['one of which nothing was told but that it was done', { ...call, announced: false }, 'Yes'],
  ['one of which the beginning was not read', { ...call, whole: false }, 'No'],
] as const)('%s, of %j: %s', (_, use, verdict) => {
  expect(usedWithoutAsking(use, 'Ask')).toBe(verdict);
  expect(usedWithoutAsking(use, 'Deny')).toBe(verdict);
  expect(usedWithoutAsking(use, 'Allow')).toBe('No');
});

const permissions = (default_: 'Ask' | 'Allow', toolKind: 'execute' | 'other', action: 'Allow' | 'Deny') => ({
  permissions: {
    default: default_,
    rules: [{ toolKind, action }],
    timeout: '10m',
    unenforced: 'Refuse' as const,
  },
});

test.each([
  ['Ask', 'other', 'Allow', 'Ask'],
  ['Ask', 'execute', 'Allow', 'Ask'],
  ['Allow', 'execute', 'Deny', 'Deny'],
  ['Allow', 'other', 'Deny', 'Deny'],
] as const)(
  'a kind that is only guessed is held to the stricter rule: with %s, and for %s %s, it is %s',
  (default_, toolKind, action, answer) => {
    const spec = permissions(default_, toolKind, action);
    expect(actionFor(spec, { kind: 'execute', guessed: true })).toBe(answer);
  },
);

test('agentctl’s own tools are allowed, whatever the rules say', () => {
  expect(actionFor(permissions('Ask', 'other', 'Deny'), { kind: 'agentctl' })).toBe('Allow');
});
