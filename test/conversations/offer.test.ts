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

const fleetAccessible = (at: Awaited<ReturnType<typeof stage>>) =>
  at.world.house.instance('acp-0')?.status?.conditions?.find(({ type }) => type === 'FleetAccessible');

test('that an agent has the tools is told once it has connected to them, and that it has not after its first turn', async () => {
  const puppet = new AcpPuppet({
    initialize: () => ({ protocolVersion: 1, agentCapabilities: { mcpCapabilities: { http: true } } }),
  });
  await using at = await stage({ acp: { agent: puppet.agent, spec: { fleetAccess: 'Peers' } } });
  await at.world.until(() => fleetAccessible(at)?.reason === 'Offered');
  const { id } = await at.send('acp', 'go');
  await at.world.until(() => puppet.prompts.length === 1);
  puppet.end();
  await at.end(id);
  await at.world.until(() => fleetAccessible(at)?.reason === 'NotConnected');
  const [server] = puppet.of('session/new')[0]?.params.mcpServers ?? [];
  const headers = { authorization: server?.headers[0]?.value ?? '', 'content-type': 'application/json' };
  await fetch(server?.url ?? '', { method: 'POST', headers, body: '{}' });
  await at.world.until(() => fleetAccessible(at)?.status === 'True');
});
