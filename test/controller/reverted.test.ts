import { expect, test } from 'vitest';
import { fakeCommand } from '../fakes/engine.ts';
import { House } from './house.ts';

const web = { namespace: 'default', name: 'web' };

test('a rollout that autoRevert took back is told in an Event and a condition of the Agent', async () => {
  await using house = await House.open();
  const policy = { update: { progressDeadline: '10s', autoRevert: true } };
  await house.agent('web', {}, { policy: policy as never }); // the registry adds the defaults
  await house.ready('web-0');
  const failing = { spec: { template: { command: fakeCommand({ ends: 1 }) } } };
  await house.user.patch('Agent', web, { type: 'merge', body: failing });
  const stalled = () =>
    house.controller.cache.agents
      .get('default/web')
      ?.status?.conditions?.find(({ type, status }) => type === 'Stalled' && status === 'True');
  await house.within(
    120_000,
    () => stalled()?.reason === 'Reverted' && house.phase('web-0') === 'Ready',
    500,
  );
  expect(stalled()?.message).toMatch(/^Revision web-2 did not become Ready within 10s/);
  await house.controller.recorder.flush();
  const { items } = await house.user.list('Event');
  expect(items.filter(({ reason }) => reason === 'Reverted')).toEqual([
    expect.objectContaining({
      type: 'Warning',
      message:
        'Revision web-2 did not become Ready within 10s. The Agent goes back to the spec of web-1, the last Revision that was Ready.',
    }),
  ]);
});
