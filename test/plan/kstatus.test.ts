/** What Flux, Argo CD and others that go by kstatus (sigs.k8s.io/cli-utils/pkg/kstatus) make of an Agent. */
import { expect, test } from 'vitest';
import type { Agent } from '../../src/api/objects.ts';
import { Story } from './story.ts';
import { hour, minute, second } from './worlds.ts';

type Status = 'Terminating' | 'InProgress' | 'Failed' | 'Current';

/** The rules of kstatus for a kind that it does not know, in their order. */
function kstatus({ metadata, status = {} }: Agent): Status {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (status.observedGeneration !== undefined && status.observedGeneration !== metadata.generation)
    return 'InProgress';
  const conditions = status.conditions ?? [];
  for (const { type, status } of conditions) {
    if (type === 'Reconciling' && status === 'True') return 'InProgress';
    if (type === 'Stalled' && status === 'True') return 'Failed';
  }
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready === undefined || ready.status === 'True' ? 'Current' : 'InProgress';
}

const onDemand = (replicas = 1): Story =>
  Story.ready({
    spec: { protocol: 'acp', replicas } as never,
    policy: { mode: 'OnDemand', update: { progressDeadline: '5m' }, backoff: { jitter: 0 } } as never,
  });
const alwaysOn = (policy: object = {}): Story =>
  Story.ready({ policy: { update: { progressDeadline: '5m' }, ...policy } as never });
const message = (waiting: number) => ({ is: 'Inbox', inbox: { waiting } }) as const;
const exit = (code: number) => ({ is: 'Exit', at: 0, code, cause: 'Agent', ago: 0 }) as const;

test.each<[string, () => Story, Status]>([
  ['whose instances are Ready', () => alwaysOn(), 'Current'],
  ['that was never woken', () => onDemand(), 'Current'],
  ['that sleeps again', () => onDemand().happen(message(1)).rest().happen(message(0)).pass(hour), 'Current'],
  [
    'of which one instance works and one sleeps',
    () => onDemand(2).happen(message(1)).rest().pass(second),
    'Current',
  ],
  ['that is just being woken', () => onDemand().happen(message(1)).rest(), 'InProgress'],
  [
    'that was just applied',
    () => new Story(alwaysOn().world).happen({ is: 'Spec', spec: { replicas: 2 } }).step(),
    'InProgress',
  ],
  [
    'whose new spec is being rolled out',
    () => alwaysOn().happen({ is: 'Image', image: 'web:2' }).step(),
    'InProgress',
  ],
  ['that ended, and starts again soon', () => alwaysOn().happen(exit(1)).rest(), 'InProgress'],
  ['whose Runtime is out of reach', () => alwaysOn().happen({ is: 'Offline' }).rest(), 'InProgress'],
  [
    'that waits for a Policy',
    () =>
      alwaysOn()
        .happen({ is: 'Policy', policy: { missing: 'p' } })
        .rest(),
    'InProgress',
  ],
  [
    'that has failed for good',
    () =>
      alwaysOn({ restart: { on: 'Never' } })
        .happen(exit(1))
        .rest(),
    'Failed',
  ],
  ['that is being deleted', () => alwaysOn().happen({ is: 'Delete' }).rest(), 'Terminating'],
])('an Agent %s', (_, story, expected) => {
  const { agent } = story().world;
  expect([kstatus(agent), agent.status?.conditions]).toEqual([expected, agent.status?.conditions]);
});

test('an Agent whose new spec gets nowhere is Failed once its progressDeadline has passed', () => {
  const readiness = { tcpSocket: { port: 80 } };
  const story = Story.ready({
    spec: { readiness, startDeadline: '1h' } as never,
    policy: { update: { progressDeadline: '5m' } },
  });
  story.happen({ is: 'Image', image: 'web:2' }).rest();
  story.happen({ is: 'Probe', at: 0, ready: false, live: true }).rest();
  expect(kstatus(story.world.agent)).toBe('InProgress');
  story.pass(6 * minute);
  expect(kstatus(story.world.agent)).toBe('Failed');
});
