import { expect, test } from 'vitest';
import { House } from './house.ts';

test('a Runtime whose spec allows more takes in at once the agents that it refused', async () => {
  await using house = await House.open();
  await house.agent(
    'sharing',
    {},
    {
      template: {
        volumes: [{ name: 'shared', hostPath: { path: '/srv/shared' } }],
        volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
      },
    },
  );
  const accepted = (): string | undefined =>
    house.controller.cache.agents
      .get('default/sharing')
      ?.status?.conditions?.find(({ type }) => type === 'Accepted')?.status;
  await house.until(() => accepted() === 'False');
  let turns = 0;
  await house.until(() => ++turns > 500); // nothing is under way any more
  const body = { spec: { allowHostPaths: ['/srv'] } };
  await house.user.patch('Runtime', { name: 'engine' }, { type: 'merge', body });
  await house.until(() => accepted() === 'True');
  expect(await house.ready('sharing-0')).toBeLessThan(5_000);
});
