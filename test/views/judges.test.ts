import { describe, expect, test } from 'vitest';
import {
  condition,
  deleted,
  deletedWithUid,
  field,
  readyOrAsleep,
  rolledOut,
} from '../../src/views/judges.ts';
import { Story } from '../plan/story.ts';
import { hour } from '../plan/worlds.ts';

const neverWoken = (): Story =>
  Story.ready({ spec: { protocol: 'acp' } as never, policy: { mode: 'OnDemand' } });
const inbox = (waiting: number) => ({ is: 'Inbox', inbox: { waiting } }) as const;
const again = (): Story => neverWoken().happen(inbox(1)).rest().happen(inbox(0)).pass(hour);

describe.each([
  ['was never woken', neverWoken],
  ['sleeps again', again],
  ['sleeps, and has another spec since', () => again().happen({ is: 'Image', image: 'web:2' }).rest()],
])('an agent on demand that %s', (_, story) => {
  test('is settled', () => {
    const { agent } = story().world;
    expect(condition('Ready', 'True')(agent)).toBe('met');
    expect(readyOrAsleep(agent)).toEqual({ met: 'Asleep' });
    expect(rolledOut(agent)).toBe('met');
  });
});

test('an agent on demand that is just being woken is waited for', () => {
  const { agent } = neverWoken().happen(inbox(1)).rest().world;
  expect(condition('Ready', 'True')(agent)).toHaveProperty('pending');
  expect(rolledOut(agent)).toHaveProperty('pending');
});

describe('a pending verdict has its reason as data', () => {
  const { agent } = Story.ready({ spec: { replicas: 3 } as never }).world;

  test('how many instances a rollout waits for', () => {
    const of = (status: object) => rolledOut({ ...agent, status: { ...agent.status, ...status } });
    expect(of({ updatedReplicas: 1 })).toEqual({ pending: { is: 'NotUpdated', count: 1, of: 3 } });
    expect(of({ readyReplicas: 2 })).toEqual({ pending: { is: 'NotReady', count: 2, of: 3 } });
    expect(of({ replicas: 5 })).toEqual({ pending: { is: 'Surplus', count: 2 } });
  });

  test('which finalizers hold a deletion, and what the controller reports about it', () => {
    const going = (finalizers: string[]) => ({
      ...agent,
      metadata: { ...agent.metadata, deletionTimestamp: '2026-01-31T12:00:00Z', finalizers },
      status: { ...agent.status, phase: 'Stopping' as const, message: 'It ends.' },
    });
    const ours = ['agentctl.dev/instances'];
    expect(deleted(agent)).toEqual({ pending: { is: 'NotDeleted' } });
    expect(deleted(going(ours))).toEqual({
      pending: { is: 'DeletionPending', finalizers: ours, message: 'It ends.' },
    });
    expect(deleted(going(['test/held']))).toEqual({
      pending: { is: 'DeletionPending', finalizers: ['test/held'], message: undefined },
    });
    expect(deletedWithUid('earlier')(going(ours))).toBe('met');
  });

  test('which condition is not met, and the values of a field', () => {
    expect(condition('Ready', 'False')(agent)).toMatchObject({
      pending: { is: 'Condition', condition: { type: 'Ready', status: 'True' } },
    });
    expect(field('{.x}', () => [1, { a: 2 }], 'b')(agent)).toEqual({
      pending: { is: 'Field', path: '{.x}', values: ['1', '{"a":2}'] },
    });
  });
});
