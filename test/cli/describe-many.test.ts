import { expect, test } from 'vitest';
import { agent } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell();

test('describe of many agents asks for each list once', async () => {
  for (const name of ['a', 'b', 'c']) await shell.server.client.create('Agent', agent(name));
  const asked: string[] = [];
  const { out } = await shell.run(['describe', 'agents'], {
    through: (client) => ({
      ...client,
      list: (kind, options) => {
        asked.push(kind);
        return client.list(kind, options);
      },
    }),
  });
  expect(out.match(/^Name:/gm)).toHaveLength(3);
  expect(asked.sort()).toEqual(['Agent', 'Event', 'Instance', 'Revision']);
});
