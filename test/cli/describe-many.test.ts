import { expect, test } from 'vitest';
import type { Client } from '../../src/cli/cli.ts';
import { agent } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell();

/** A client that notes what it is asked for. */
const noting =
  (asked: string[]) =>
  (client: Client): Client =>
    new Proxy(client, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...words: unknown[]) => {
          asked.push(typeof words[0] === 'string' ? `${String(name)} ${words[0]}` : String(name));
          return Reflect.apply(member, target, words);
        };
      },
    });

test('describe of many agents asks for each list once', async () => {
  for (const name of ['a', 'b', 'web'])
    await shell.server.client.create('Agent', agent(name, { protocol: 'acp' }));
  shell.talk.message('m1');
  shell.talk.conversation('c1');
  shell.talk.used.push({
    at: shell.server.clock.now(),
    sum: {
      turns: 7,
      totalTokens: 42,
      unreported: { inputTokens: 7, outputTokens: 7, totalTokens: 0, cost: 7 },
    },
  });
  const asked: string[] = [];
  const { out } = await shell.run(['describe', 'agents'], { through: noting(asked) });
  expect(out.match(/^Name:/gm)).toHaveLength(3);
  expect(out.match(/1 waiting/g)).toHaveLength(1);
  expect(out.match(/1 open/g)).toHaveLength(1);
  expect(out.match(/24h +\? +7 .* 42 /g)).toHaveLength(1);
  expect(asked.sort()).toEqual([
    'get Runtime',
    'list Agent',
    'list Conversation',
    'list Event',
    'list Instance',
    'list Message',
    'list Revision',
    'usageByAgent', // of two windows
    'usageByAgent',
  ]);
});

test('describe of one agent asks for nothing of others', async () => {
  const asked: string[] = [];
  const { out } = await shell.run(['describe', 'agent', 'web'], { through: noting(asked) });
  expect(out).toContain('1 waiting');
  expect(asked).toContain('usage');
  expect(asked).not.toContain('usageByAgent');
});

test('describe says Ready of the Runtime of an agent, and names the signal that stops it', async () => {
  const made = await shell.server.client.create('Runtime', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Runtime',
    metadata: { name: 'docker' },
    spec: { driver: 'docker' },
  });
  const conditions = [
    {
      type: 'Ready',
      status: 'True' as const,
      observedGeneration: 1,
      lastTransitionTime: '2026-01-31T12:00:00Z',
      reason: 'Online',
      message: 'The Runtime is reachable.',
    },
  ];
  await shell.server.controller.update(
    'Runtime',
    { ...made, status: { conditions } },
    { subresource: 'status' },
  );
  await shell.server.client.create(
    'Agent',
    agent('boxed', { runtimeRef: { name: 'docker' }, template: { image: 'web:1' } }),
  );
  const { out } = await shell.run(['describe', 'agent', 'boxed']);
  expect(out).toMatch(/^Runtime: +docker \(driver docker\): Ready$/m);
  expect(out).toMatch(/^ +Stop: +STOPSIGNAL of the image, or SIGTERM, SIGKILL after 10s$/m);
});
