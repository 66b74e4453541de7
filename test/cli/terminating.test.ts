import { describe, expect, test } from 'vitest';
import type { Client } from '../../src/cli/cli.ts';
import { agent } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell();

const at = (name: string) => ({ namespace: 'default', name });
const yaml = (name: string, value: string): string => `apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name} }
spec:
  template: { command: [sleep, "60"], env: [{ name: V, value: "${value}" }] }
`;

/** An Agent whose deletion was asked for; a finalizer holds it. */
async function going(name: string): Promise<void> {
  const { client } = shell.server;
  const made = agent(name);
  const metadata = { ...made.metadata, finalizers: ['test.dev/hold'] };
  await client.create('Agent', { ...made, metadata });
  await client.delete('Agent', at(name));
}

const letGo = (kind: 'Agent' | 'ConfigMap', name: string) =>
  shell.server.client.patch(kind, at(name), { type: 'merge', body: { metadata: { finalizers: null } } });

test('apply waits for a deletion that is under way, and creates the object anew', async () => {
  await going('again');
  const file = shell.write('again.yaml', yaml('again', '2'));
  const { code, out, err } = await shell.run(['apply', '-f', file], {
    onErr: (text) => {
      if (text.includes('waiting to create it again')) void letGo('Agent', 'again');
    },
  });
  expect([code, out]).toEqual([0, 'agent.agentctl.dev/again created\n']);
  expect(err).toBe('agent.agentctl.dev/again is being deleted; waiting to create it again\n');
  const made = await shell.server.client.get('Agent', at('again'));
  expect(made.metadata.deletionTimestamp).toBeUndefined();
  expect(made.spec.template.env).toEqual([{ name: 'V', value: '2' }]);
});

test('apply waits so for a ConfigMap too', async () => {
  const { client } = shell.server;
  const metadata = { name: 'data', finalizers: ['test.dev/hold'] };
  await client.create('ConfigMap', { apiVersion: 'v1', kind: 'ConfigMap', metadata });
  await client.delete('ConfigMap', at('data'));
  const stdin = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: data }\ndata: { a: b }\n';
  const { code, out } = await shell.run(['apply', '-f', '-'], {
    stdin,
    onErr: () => void letGo('ConfigMap', 'data'),
  });
  expect([code, out]).toEqual([0, 'configmap/data created\n']);
});

describe('a deletion that takes longer than a few seconds', () => {
  const gone =
    'The Runtime box does not exist. Its deletion waits for it; agentctl delete agent NAME --force deletes it anyway.';

  /** The deletion of an Agent that the controller cannot take down. */
  async function held(name: string): Promise<void> {
    const { client, controller } = shell.server;
    const made = agent(name);
    const metadata = { ...made.metadata, finalizers: ['agentctl.dev/instances'] };
    const found = await client.create('Agent', { ...made, metadata });
    const status = { phase: 'Unknown', reason: 'Deleted', message: gone.replace('NAME', name) } as const;
    await controller.update('Agent', { ...found, status }, { subresource: 'status' });
  }

  /** Runs a verb and lets time pass while it waits; once it has printed `text` the objects go. */
  async function slow(words: readonly string[], names: readonly string[], text: string, ms = 6_000) {
    const { clock } = shell.server;
    const passing = {
      onErr: (err: string) => {
        if (err.includes(text)) for (const name of names) void letGo('Agent', name);
      },
      through: (client: Client): Client =>
        Object.assign(Object.create(client), {
          watch: (...asked: Parameters<Client['watch']>) => {
            setImmediate(() => clock.advance(ms));
            return client.watch(...asked);
          },
        }),
    };
    const screen = await shell.run(words, passing);
    // This server has no volumes to list.
    return { ...screen, err: screen.err.replace(/^Warning: the volumes.*\n/gm, '') };
  }

  test('delete says once of each object what it waits for, with the remedy', async () => {
    for (const name of ['b1', 'b2']) await held(name);
    const { code, out, err } = await slow(['delete', 'agent', 'b1', 'b2'], ['b1', 'b2'], 'agent b2 --force');
    expect([code, out.split('\n').length]).toEqual([0, 3]);
    expect(err).toBe(
      ['b1', 'b2']
        .map(
          (name) =>
            `waiting for agent.agentctl.dev/${name}: it is being deleted: ${gone.replace('NAME', name)}\n`,
        )
        .join(''),
    );
  });

  test('apply says so too, before it creates the object anew', async () => {
    await held('b3');
    await shell.server.client.delete('Agent', at('b3'));
    const file = shell.write('b3.yaml', yaml('b3', '2'));
    const { code, err } = await slow(['apply', '-f', file], ['b3'], '--force');
    expect(code).toBe(0);
    expect(err).toContain(
      `waiting for agent.agentctl.dev/b3: it is being deleted: ${gone.replace('NAME', 'b3')}`,
    );
  });

  test('delete that times out gives the remedy once', async () => {
    await held('b4');
    const { code, err } = await slow(['delete', 'agent', 'b4', '--timeout=4s'], [], 'never', 4_000);
    expect([code, err]).toEqual([
      1,
      `error: timed out waiting for agent.agentctl.dev/b4 to be deleted: it is being deleted: ${gone.replace('NAME', 'b4')}\n`,
    ]);
  });
});

test('apply fails where the deletion takes longer than --timeout, and writes nothing of the set', async () => {
  await going('stuck');
  const file = shell.write('stuck.yaml', `${yaml('stuck', '2')}---\n${yaml('other', '1')}`);
  const { code, err } = await shell.run(['apply', '-f', file, '--timeout=5s'], {
    through: (client) =>
      Object.assign(Object.create(client), {
        watch: (...asked: Parameters<Client['watch']>) => {
          shell.server.clock.advance(5_000);
          return client.watch(...asked);
        },
      }),
  });
  expect(code).toBe(1);
  expect(err).toContain(
    'agent.agentctl.dev/stuck: timed out after 5s: it is being deleted; test.dev/hold has not finished yet',
  );
  expect(err).toContain('nothing was changed; apply again when they are gone');
  expect(await shell.run(['get', 'agent', 'other'])).toMatchObject({ code: 1 });
});

test('diff and a dry run show an object that is being deleted as one that will be created', async () => {
  await going('shown');
  const file = shell.write('shown.yaml', yaml('shown', '2'));
  expect((await shell.run(['apply', '-f', file, '--dry-run=server'])).out).toBe(
    'agent.agentctl.dev/shown created (server dry run)\n',
  );
  expect((await shell.run(['diff', '-f', file])).code).toBe(1);
});

test.each([
  ['scale', 'agent/doomed', '--replicas=3'],
  ['suspend', 'agent/doomed'],
  ['rollout', 'restart', 'agent/doomed'],
  ['patch', 'agent/doomed', '-p', '{"spec":{"replicas":4}}'],
])('%s of an object that is being deleted fails', async (name, ...words) => {
  const argv = [name, ...words.map((word) => word.replace('doomed', name))];
  await going(name);
  const { code, err } = await shell.run(argv);
  expect(code).toBe(1);
  expect(err).toContain(`agent.agentctl.dev/${name} is being deleted`);
});

test('create says that the name is held by an object that is being deleted', async () => {
  await going('held');
  const file = shell.write('held.yaml', yaml('held', '1'));
  for (const how of [[], ['--dry-run=server']]) {
    const { code, err } = await shell.run(['create', '-f', file, ...how]);
    expect(code).toBe(1);
    expect(err).toContain('object is being deleted: agents.agentctl.dev "held" already exists');
  }
});

test('run says that its name is held by an agent that is being deleted', async () => {
  await going('busy');
  const { code, err } = await shell.run(['run', 'busy', '--prompt=hi', '--', 'true']);
  expect(code).toBe(1);
  expect(err).toContain('agent/busy is being deleted. Wait for it: agentctl wait agent busy --for=delete');
});

test('a client that changes an object that is being deleted is warned, whatever the verb', async () => {
  await going('warned');
  const { client, warnings } = shell.server;
  const lost = 'agents "warned" is being deleted, so this change is lost';
  const told = async (write: () => Promise<unknown>): Promise<string[]> => {
    warnings.length = 0;
    await write();
    return [...warnings];
  };
  const body = { spec: { replicas: 2 } };
  const applied = { apiVersion: 'agentctl.dev/v1', kind: 'Agent', metadata: { name: 'warned' }, ...body };
  const live = await client.get('Agent', at('warned'));
  expect(await told(() => client.patch('Agent', at('warned'), { type: 'merge', body }))).toEqual([lost]);
  expect(
    await told(() =>
      client.patch(
        'Agent',
        at('warned'),
        { type: 'merge', body: { spec: { replicas: 3 } } },
        { subresource: 'scale' },
      ),
    ),
  ).toEqual([lost]);
  const { resourceVersion: _, ...metadata } = live.metadata;
  const whole = { ...live, metadata: metadata as typeof live.metadata }; // of whatever version
  expect(await told(() => client.update('Agent', whole))).toEqual([lost]);
  expect(
    await told(() =>
      client.patch(
        'Agent',
        at('warned'),
        { type: 'apply', body: applied },
        { fieldManager: 'x', force: true },
      ),
    ),
  ).toEqual([lost]);
  expect(
    await told(() =>
      client.patch('Agent', at('warned'), { type: 'merge', body: { metadata: { labels: { a: 'b' } } } }),
    ),
  ).toEqual([]);
});
