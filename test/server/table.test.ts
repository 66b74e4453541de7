import { describe, expect, test } from 'vitest';
import { kinds } from '../../src/api/kinds.ts';
import type { Kind } from '../../src/api/objects.ts';
import type { AnyResource } from '../../src/registry/object.ts';
import { tableOf } from '../../src/server/object-table.ts';

const now = Date.UTC(2026, 0, 31, 12);
const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString();

const object = (kind: Kind, name: string, age: number, rest: object): AnyResource => ({
  apiVersion: 'x',
  kind,
  metadata: { name, uid: 'u', resourceVersion: '1', creationTimestamp: ago(age) },
  ...rest,
});

const rows: { readonly [K in Kind]: AnyResource[] } = {
  Agent: [
    object('Agent', 'fresh', 0, { spec: { replicas: 1, suspend: false, template: {} } }),
    object('Agent', 'busy', 3 * 86_400, {
      spec: { replicas: 2, suspend: false, runtimeRef: { name: 'docker' }, template: { image: 'agent:1' } },
      status: {
        runtime: 'docker',
        readyReplicas: 1,
        phase: 'BackOff',
        reason: 'ExitNonZero',
        restartCount: 4,
        queue: '2/5',
        nextAction: 'Restart',
        nextAt: new Date(now + 8_000).toISOString(),
        updateRevision: 'busy-3',
      },
    }),
    object('Agent', 'late', 90, {
      spec: { replicas: 3, suspend: true, policyRef: { name: 'nightly' }, template: { image: 'agent:1' } },
      status: { runtime: 'podman', nextAction: 'ScheduledRestart', nextAt: ago(5) },
    }),
  ],
  Instance: [
    object('Instance', 'busy-0', 200, {
      spec: { runtimeRef: { name: 'docker' } },
      status: {
        phase: 'Ready',
        reason: 'Running',
        run: { number: 3, revision: 'busy-3', ref: 'c0ffee' },
        restartCount: 2,
      },
    }),
    object('Instance', 'new-0', 1, { spec: { runtimeRef: { name: 'process' } } }),
  ],
  Runtime: [
    object('Runtime', 'docker', 60, {
      spec: { driver: 'docker', endpoint: 'unix:///run/docker.sock' },
      status: {
        version: 'docker 28.1',
        running: 2,
        queued: 1,
        breaker: { state: 'Open' },
        conditions: [
          { type: 'Other', status: 'False' },
          { type: 'Ready', status: 'True' },
        ],
      },
    }),
    object('Runtime', 'process', 60, { spec: { driver: 'process' } }),
  ],
  Policy: [
    object('Policy', 'nightly', 60, {
      spec: { mode: 'AlwaysOn', restart: { on: 'OnFailure' }, update: { strategy: 'Rolling' }, priority: 7 },
    }),
  ],
  Revision: [
    {
      ...object('Revision', 'busy-3', 60, { revision: 3 }),
      metadata: {
        ...object('Revision', 'busy-3', 60, {}).metadata,
        ownerReferences: [{ apiVersion: 'x', kind: 'Agent', name: 'busy', uid: 'u' }],
      },
    },
  ],
  Event: [
    object('Event', 'busy-0.1', 600, {
      type: 'Warning',
      reason: 'BackOff',
      message: 'it ended with 1\n',
      count: 3,
      lastTimestamp: ago(30),
      involvedObject: { kind: 'Instance', name: 'busy-0' },
    }),
  ],
  Secret: [object('Secret', 'key', 60, { type: 'Opaque', data: { token: 'aHVudGVyMg==', other: '' } })],
  ConfigMap: [object('ConfigMap', 'settings', 60, { data: { a: '1' }, binaryData: { b: '' } })],
  Message: [
    object('Message', 'm-1', 5, {
      spec: { agentRef: { name: 'web' }, from: 'user:ann', conversation: 'c-1', text: 'first\nsecond' },
      status: { state: 'Completed', attempts: 1, instance: 'web-0', tokens: '1200' },
    }),
    object('Message', 'm-2', 200, {
      spec: {
        agentRef: { name: 'web' },
        from: 'agent:default/reviewer',
        conversation: 'c-2',
        text: 'x'.repeat(4 * 1024 * 1024),
      },
      status: { state: 'Failed', reason: 'Interrupted', attempts: 3, tokens: '?' },
    }),
  ],
  Conversation: [
    object('Conversation', 'c-1', 3_600, {
      spec: { agentRef: { name: 'web' } },
      status: {
        state: 'Open',
        instance: 'web-0',
        messages: 4,
        tokens: '5300',
        cost: '?',
        activeAt: ago(12),
        session: 's-1',
      },
    }),
  ],
  Approval: [
    object('Approval', 'a-1', 3, {
      spec: {
        agentRef: { name: 'web' },
        title: 'Clean up',
        request: '  rm -rf\n  build',
        toolKind: 'execute',
        message: 'm-1',
        conversation: 'c-1',
      },
      status: { state: 'Pending' },
    }),
  ],
  Sync: [
    object('Sync', 'fleet', 7_200, {
      spec: { source: { git: { url: 'https://git.example.com/team/fleet.git' } } },
      status: {
        revision: '3f1c2a90b1d2e3f4a5b6c7d8e9f00112233445566',
        reference: 'refs/heads/main',
        appliedAt: ago(45),
        objects: 12,
        conditions: [
          { type: 'Fetched', status: 'True', reason: 'Fetched', message: 'fetched' },
          { type: 'Ready', status: 'True', reason: 'Synced', message: '12 objects are as the commit says' },
        ],
      },
    }),
    object('Sync', 'contested', 120, {
      spec: { source: { git: { url: 'https://git.example.com/team/fleet.git' } } },
      status: {
        revision: '3f1c2a90b1d2e3f4a5b6c7d8e9f00112233445566',
        conditions: [
          { type: 'Ready', status: 'True', reason: 'Synced', message: 'is applied' },
          {
            type: 'InSync',
            status: 'False',
            reason: 'Conflict',
            message: 'spec.replicas is applied by "agentctl" too',
          },
        ],
      },
    }),
    object('Sync', 'broken', 90, {
      spec: { source: { directory: { path: '/srv/fleet' } } },
      status: {
        revision: `sha256:${'ab'.repeat(32)}`,
        appliedAt: ago(60),
        objects: 1,
        conditions: [
          {
            type: 'Ready',
            status: 'False',
            reason: 'InvalidManifests',
            message: `agents.yaml:3:5: spec.replica: unknown field\nagents.yaml:9:1: ${'x'.repeat(300)}`,
          },
        ],
      },
    }),
    object('Sync', 'new', 1, { spec: { source: { git: { url: 'git@git.example.com:team/fleet' } } } }),
  ],
  Namespace: [object('Namespace', 'default', 60, { status: { phase: 'Active' } })],
};

/** As kubectl lays a Table out. */
function print(kind: Kind, wide: boolean): string {
  const { columnDefinitions, rows: body } = tableOf(kind, rows[kind], now, 'None', {});
  const shown = columnDefinitions.flatMap(({ priority }, index) => (wide || priority === 0 ? [index] : []));
  const lines = [
    columnDefinitions.map(({ name }) => name.toUpperCase()),
    ...body.map(({ cells }) => cells.map((cell) => (cell === null ? '' : String(cell)))),
  ].map((cells) => shown.map((index) => cells[index] ?? ''));
  const widths = shown.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

test('every kind has its columns', async () => {
  const all = kinds.map(({ kind }) => `${print(kind, false)}\n\n-o wide\n${print(kind, true)}\n`);
  await expect(all.join('\n\n')).toMatchFileSnapshot('../golden/server/tables.txt');
});

describe('a row', () => {
  test('carries metadata, the object, or nothing', () => {
    const secret = rows.Secret;
    expect(tableOf('Secret', secret, now, 'None', {}).rows[0]).not.toHaveProperty('object');
    expect(tableOf('Secret', secret, now, 'Metadata', {}).rows[0]?.object).toMatchObject({
      kind: 'PartialObjectMetadata',
      metadata: { name: 'key' },
    });
    expect(tableOf('Secret', secret, now, 'Object', {}).rows[0]?.object).toBe(secret[0]);
  });

  test('of a Secret shows no value', () => {
    expect(JSON.stringify(tableOf('Secret', rows.Secret, now, 'Metadata', {}))).not.toContain('aHVudGVyMg');
  });
});

test('no cell steers the terminal of kubectl, which escapes little of it', () => {
  const hostile = object('Event', 'e', 0, {
    involvedObject: { kind: 'Agent', name: 'web' },
    reason: 'Failed\u009b31m',
    message: 'a\u001b[2Jb\u202ec\nd',
  });
  const { rows } = tableOf('Event', [hostile], now, 'None', { resourceVersion: '1' });
  expect(rows[0]?.cells).toEqual(expect.arrayContaining(['Failed\\u009b31m', 'a\\u001b[2Jb\\u202ec\nd']));
});

test('the queue of an agent is what waits for it, or its own place', () => {
  const queueOf = (object: object, waiting: number) => {
    const agent = { ...rows.Agent[0], ...object } as AnyResource; // a row of the tests above
    const { columnDefinitions, rows: body } = tableOf('Agent', [agent], now, 'None', {}, () => waiting);
    return body[0]?.cells[columnDefinitions.findIndex(({ name }) => name === 'Queue')];
  };
  expect(queueOf({ status: {} }, 0)).toBe(null);
  expect(queueOf({ status: { queue: '2' } }, 0)).toBe('2');
  expect(queueOf({ status: { queue: '2' } }, 5)).toBe('5 wait');
});
