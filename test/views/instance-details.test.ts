import { describe, expect, test } from 'vitest';
import type { InstanceStatus } from '../../src/api/objects.ts';
import { instanceDetails } from '../../src/views/instance-details.ts';
import { instanceOf, stopOf } from '../plan/worlds.ts';
import { noon } from './objects.ts';

const boot = '12345678-1234-1234-1234-123456789abc';
const run = { number: 2, revision: 'web-1', claimedAt: noon, ref: 'r' };

test.each<[string, InstanceStatus, object | undefined]>([
  ['never ran', {}, undefined],
  ['is recorded but not started', { run }, { number: 2, startedAt: undefined, isUp: false }],
  [
    'is a process, whose start is the claim',
    { phase: 'Ready', run: { ...run, startedAt: `${boot}:4242:9` } },
    { startedAt: noon, isUp: true, pid: '4242' },
  ],
  [
    'is a container',
    { phase: 'Ready', run: { ...run, startedAt: '2026-01-31T12:00:01Z' } },
    { startedAt: '2026-01-31T12:00:01Z', isUp: true, container: 'agentctl-default-web-0' },
  ],
  [
    'has ended, so no other tool finds it',
    {
      phase: 'BackOff',
      run: { ...run, startedAt: `${boot}:4242:9` },
      lastExit: { run: 2, code: 1, finishedAt: noon, cause: 'Agent' },
    },
    { isUp: false },
  ],
])('a run that %s', (_, status, expected) => {
  const { run: seen } = instanceDetails(instanceOf(status));
  if (expected === undefined) expect(seen).toBeUndefined();
  else expect(seen).toMatchObject(expected);
  if (expected !== undefined && !('pid' in expected)) expect(seen).not.toHaveProperty('pid');
});

describe('what time alone causes next', () => {
  const stop = stopOf('Stay', { deadline: noon });
  test.each<[string, InstanceStatus, object | undefined]>([
    ['nothing', { phase: 'Ready' }, undefined],
    [
      'the next stage of a stop',
      { stop: { ...stop, stage: 'Shutdown' } },
      { step: 'SignalAfterShutdown', at: noon },
    ],
    [
      'SIGKILL',
      { stop: { ...stop, stage: 'Signal' }, queue: { position: 1, since: noon } },
      { step: 'KillAfterSignal', at: noon },
    ],
    ['a start', { phase: 'BackOff', backoffUntil: noon }, { step: 'Start', at: noon }],
    [
      'its turn in the queue',
      { queue: { position: 3, since: noon } },
      { step: 'StartFromQueue', position: 3 },
    ],
    ['a scheduled restart', { phase: 'Ready', nextRestartAt: noon }, { step: 'Restart', at: noon }],
    ['no restart of what has ended', { phase: 'Failed', nextRestartAt: noon }, undefined],
  ])('%s', (_, status, expected) => {
    expect(instanceDetails(instanceOf(status)).next).toEqual(expected);
  });
});

test('an action that succeeded is not told', () => {
  const outcome = { action: 'Start', run: 1, at: noon };
  const { failed } = instanceDetails(instanceOf({ lastOutcome: { ...outcome, result: 'Succeeded' } }));
  expect(failed).toBeUndefined();
  expect(
    instanceDetails(instanceOf({ lastOutcome: { ...outcome, result: 'Retryable' } })).failed,
  ).toBeDefined();
});
