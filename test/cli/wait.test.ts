import { beforeAll, expect, test } from 'vitest';
import type { Condition } from '../../src/api/objects.ts';
import type { Client } from '../../src/cli/cli.ts';
import { causeText } from '../../src/cli/wait-report.ts';
import type { Reason } from '../../src/views/judges.ts';
import { agent } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell();
const names = Array.from({ length: 20 }, (_, at) => `w${at}`);
const finalizers = ['test/held'];

const setReady = async (name: string, change: Partial<Condition> = {}): Promise<void> => {
  const found = await shell.server.client.get('Agent', { namespace: 'default', name });
  const time = '2026-01-31T12:00:00Z';
  const condition = {
    type: 'Ready',
    status: 'True',
    observedGeneration: 1,
    reason: 'Up',
    message: '',
    ...change,
  } as const;
  const status = { observedGeneration: 1, conditions: [{ ...condition, lastTransitionTime: time }] };
  await shell.server.controller.update('Agent', { ...found, status }, { subresource: 'status' });
};

const release = async (name: string): Promise<void> => {
  const patch = { type: 'merge', body: { metadata: { finalizers: null } } } as const;
  await shell.server.client.patch('Agent', { namespace: 'default', name }, patch);
};

/** Notes which lists and watches a verb asks for, and calls `onWatch` once a watch has begun. */
function counting(asked: string[], onWatch: () => void) {
  return (client: Client): Client => ({
    ...client,
    list: (kind, options) => {
      asked.push(`list ${kind} ${options?.fieldSelector ?? 'all'}`);
      return client.list(kind, options);
    },
    watch: (kind, options) => {
      asked.push(`watch ${kind} ${options.fieldSelector ?? 'all'}`);
      onWatch();
      return client.watch(kind, options);
    },
  });
}

beforeAll(async () => {
  for (const name of names) {
    const made = agent(name);
    await shell.server.client.create('Agent', { ...made, metadata: { ...made.metadata, finalizers } });
  }
});

test('a wait for many objects takes one list and one watch of them', async () => {
  const asked: string[] = [];
  const begun = Promise.withResolvers<void>();
  const words = ['wait', ...names.map((name) => `agent/${name}`), '--for=condition=Ready'];
  const waiting = shell.run(words, { through: counting(asked, begun.resolve) });
  await begun.promise;
  for (const name of names) await setReady(name);
  const { code, out } = await waiting;
  expect(code).toBe(0);
  expect(out.split('\n').toSorted()).toEqual(
    ['', ...names.map((name) => `agent.agentctl.dev/${name} condition met`)].toSorted(),
  );
  expect(asked).toEqual(['list Agent all', 'watch Agent all']);
});

test('a wait for a few objects asks for those alone', async () => {
  const asked: string[] = [];
  const words = ['wait', 'agent/w1', 'agent/w2', '--for=condition=Ready'];
  expect(await shell.run(words, { through: counting(asked, () => {}) })).toMatchObject({ code: 0 });
  expect(asked).toEqual(['list Agent metadata.name=w1', 'list Agent metadata.name=w2']);
});

test('of objects that fail for the same cause ten are named, and the others counted', async () => {
  for (const name of names) {
    const reason = name === 'w7' ? 'ImagePull' : 'CommandNotFound';
    await setReady(name, { status: 'False', reason, message: `${name}-0 cannot be started.` });
  }
  const { code, err } = await shell.run(
    ['wait', 'agents', '--all', '--for=condition=Ready', '--timeout=5s'],
    {
      through: (client) =>
        Object.assign(Object.create(client), {
          watch: (...asked: Parameters<Client['watch']>) => {
            shell.server.clock.advance(5_000);
            return client.watch(...asked);
          },
        }),
    },
  );
  expect(code).toBe(1);
  const lines = err.trimEnd().split('\n');
  expect(lines).toHaveLength(12);
  expect(lines[0]).toContain(
    'agent.agentctl.dev/w0: Ready is False: CommandNotFound: w0-0 cannot be started.',
  );
  expect(lines.filter((line) => line.includes('w7: Ready is False: ImagePull'))).toHaveLength(1);
  expect(lines.at(-1)).toBe('... and 9 more: Ready is False: CommandNotFound');
});

test.each<[Reason, string]>([
  [
    { is: 'Reported', phase: 'Failed', reason: 'RestartsExhausted', message: 'w0-0: 5' },
    'Failed: RestartsExhausted',
  ],
  [{ is: 'Suspended', kind: 'Agent', name: 'w0' }, 'it is suspended'],
  [{ is: 'Reverted', revision: 'w0-2', agent: 'w0' }, 'Reverted'],
  [
    {
      is: 'DeletionPending',
      finalizers: [],
      message: 'The Runtime box does not exist. agentctl delete agent w0',
    },
    'it is being deleted: The Runtime box does not exist',
  ],
  [{ is: 'Missing' }, 'it does not exist'],
])('the cause of %j is counted without names and remedies', (why, cause) => {
  expect(causeText(why)).toBe(cause);
});

test('a deletion asks for all objects first, and waits for them by one list and one watch', async () => {
  const asked: string[] = [];
  const begun = Promise.withResolvers<void>();
  const deleting = shell.run(['delete', 'agents', '--all'], { through: counting(asked, begun.resolve) });
  await begun.promise;
  const { items } = await shell.server.client.list('Agent');
  expect(items.every(({ metadata }) => metadata.deletionTimestamp !== undefined)).toBe(true);
  for (const name of names) await release(name);
  const { code, out } = await deleting;
  expect(code).toBe(0);
  expect(out.split('\n').filter((line) => line.endsWith(' deleted'))).toHaveLength(names.length);
  expect(asked).toEqual(['list Agent all', 'list Agent all', 'watch Agent all']);
});
