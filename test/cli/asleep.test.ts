/** What `wait`, `rollout status` and `apply --wait` make of agents on demand. */
import { describe, expect, test } from 'vitest';
import { judgeRollout } from '../../src/cli/verbs/rollout.ts';
import { condition, readyOrAsleep } from '../../src/cli/wait/conditions.ts';
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
    expect(readyOrAsleep(agent)).toEqual({ met: 'sleeps until a message arrives' });
    expect(judgeRollout(agent)).toBe('met');
  });
});

test('an agent on demand that is just being woken is waited for', () => {
  const { agent } = neverWoken().happen(inbox(1)).rest().world;
  expect(condition('Ready', 'True')(agent)).toHaveProperty('pending');
  expect(judgeRollout(agent)).toHaveProperty('pending');
});
