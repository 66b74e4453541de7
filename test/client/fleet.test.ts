import { expect, test } from 'vitest';
import { fleetOf } from '../../src/client/fleet.ts';
import { inPlace } from '../../src/sources/parsing/parser.ts';
import { harness } from '../registry/harness.ts';
import { agent } from '../server/support.ts';

test('what an agent applies to one that is being deleted is refused', async () => {
  const { client } = await harness();
  const nowhere = () => {
    throw new Error('nobody talks here');
  };
  const streams = { send: nowhere, stream: nowhere };
  const fleet = fleetOf({
    resources: client,
    streams,
    parser: inPlace,
    namespace: 'default',
    user: 'agent:a',
  });
  const web = agent('web');
  const made = { ...web, metadata: { ...web.metadata, finalizers: ['test.dev/hold'] } };
  await client.create('Agent', made);
  await client.delete('Agent', { namespace: 'default', name: 'web' });
  const manifest = JSON.stringify({ ...agent('web', { replicas: 2 }) });
  await expect(fleet.apply(manifest)).rejects.toMatchObject({
    code: 'Conflict',
    message: expect.stringContaining('"web" is being deleted'),
  });
  await expect(fleet.stop('web')).rejects.toMatchObject({ code: 'Conflict' });
});
