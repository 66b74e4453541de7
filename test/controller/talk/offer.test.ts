import { expect, test } from 'vitest';
import { AcpPuppet } from './acp-puppet.ts';
import { stage } from './stage.ts';

test('an agent to which the tools cannot be offered is read and Ready, and says why it has none', async () => {
  const puppet = new AcpPuppet();
  const hostAddress = async (): Promise<string> => {
    throw new Error('there is no bridge driver');
  };
  await using at = await stage(
    { acp: { agent: puppet.agent, spec: { fleetAccess: 'Peers' } } },
    { wrap: (driver) => ({ ...driver, hostAddress }) },
  );
  await at.world.until(() => at.world.house.phase('acp-0') === 'Ready');
  const conditions = at.world.house.instance('acp-0')?.status?.conditions ?? [];
  expect(conditions.find(({ type }) => type === 'FleetAccessible')).toMatchObject({
    status: 'False',
    reason: 'NoAddress',
    message: expect.stringContaining('there is no bridge driver'),
  });
});
