import type { Condition, Sync, SyncStatus } from '../../src/api/objects.ts';
import type { SyncDiff } from '../../src/client/streams.ts';
import { agent, type Running } from '../server/support.ts';

export const commit = '3f1c2a90b1d24e5f60718293a4b5c6d7e8f90a1b';
export const older = '9a8b7c6d5e4f30211203948576a7b8c9d0e1f203';
const folder = `sha256:${'ab'.repeat(32)}`;
const at = (time: string): string => `2026-01-31T${time}Z`;

export function conditionText(
  type: string,
  status: Condition['status'],
  reason: string,
  message: string,
): Condition {
  return { type, status, observedGeneration: 1, lastTransitionTime: at('11:58:00'), reason, message };
}

export async function makeSync(
  { client, controller }: Pick<Running, 'client' | 'controller'>,
  name: string,
  spec: object = {},
  status: SyncStatus = {},
): Promise<Sync> {
  const made = await client.create('Sync', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Sync',
    metadata: { name, namespace: 'default' },
    spec: { source: { git: { url: 'https://git.example.com/team/fleet.git', branch: 'main' } }, ...spec },
  });
  return controller.update('Sync', { ...made, status }, { subresource: 'status' });
}

const inventory = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    apiVersion: 'agentctl.dev/v1',
    kind: index === 0 ? 'Policy' : 'Agent',
    namespace: 'default',
    name: index === 0 ? 'slow' : `web-${String(index).padStart(2, '0')}`,
  }));

/** One that is in order, one whose commit is wrong, one that waits for approval, one of a folder that is new. */
export async function seedSyncs(server: Running): Promise<void> {
  await makeSync(
    server,
    'fleet',
    {
      source: {
        git: {
          url: 'https://git.example.com/team/fleet.git',
          branch: 'main',
          path: 'agents',
          ignore: ['drafts/**'],
          secretRef: { name: 'fleet-git' },
          verify: { secretRef: { name: 'signers' } },
          webhook: { secretRef: { name: 'fleet-webhook' } },
        },
      },
      selfHeal: false,
    },
    {
      observedGeneration: 1,
      revision: commit,
      reference: 'refs/heads/main',
      appliedAt: at('11:57:00'),
      attempted: { revision: commit, at: at('11:57:00') },
      objects: 3,
      inventory: inventory(3),
      changedBy: commit,
      changes: [
        { kind: 'Policy', namespace: 'default', name: 'slow', change: 'Created' },
        {
          kind: 'Agent',
          namespace: 'default',
          name: 'web-01',
          change: 'Configured',
          fields: [
            '~ spec.replicas: 1 -> 2',
            '~ spec.template.command: ["sleep","60"] -> ["sleep","90"]  (forces a restart)',
          ],
        },
        { kind: 'Agent', namespace: 'default', name: 'moved', change: 'Configured' },
        { kind: 'Agent', namespace: 'default', name: 'old', change: 'Pruned' },
        {
          kind: 'Agent',
          namespace: 'other',
          name: 'dear',
          change: 'Kept',
          fields: ['agentctl.dev/prune: disabled'],
        },
      ],
      drift: [
        { kind: 'Agent', namespace: 'default', name: 'web-02', fields: ['~ spec.minReady: "1s" -> "5s"'] },
      ],
      conditions: [
        conditionText('Fetched', 'True', 'Fetched', 'The source answers.'),
        conditionText('Ready', 'True', 'Synced', 'main@3f1c2a90b1d2 is applied.'),
        conditionText('InSync', 'False', 'Drifted', '1 object differs from the manifests: agent/web-02.'),
      ],
    },
  );
  await makeSync(
    server,
    'broken',
    {},
    {
      observedGeneration: 1,
      revision: older,
      reference: 'refs/heads/main',
      appliedAt: at('11:00:00'),
      attempted: { revision: commit, at: at('11:58:00') },
      failures: 3,
      retryAt: at('12:00:20'),
      objects: 60,
      inventory: inventory(60),
      conditions: [
        conditionText('Fetched', 'True', 'Fetched', 'The source answers.'),
        conditionText(
          'Ready',
          'False',
          'InvalidManifests',
          'agents/web.yaml:3:5: spec.replica: unknown field; did you mean replicas? (main@3f1c2a90b1d2)\nagents/web.yaml:9:1: kind: is missing (main@3f1c2a90b1d2)',
        ),
      ],
    },
  );
  await makeSync(
    server,
    'held',
    { suspend: true, prune: true },
    {
      observedGeneration: 1,
      revision: older,
      reference: 'refs/heads/main',
      pendingApproval: { revision: commit, deletes: 40, of: 60, objects: ['agent/web-01', 'agent/web-02'] },
      conditions: [conditionText('Ready', 'False', 'ApprovalRequired', '40 of 60 objects would be deleted.')],
    },
  );
  await makeSync(server, 'local', { source: { directory: { path: '/srv/fleet' } }, prune: false });
  const web = agent('web-01');
  const origin = {
    'agentctl.dev/sync': 'default/fleet',
    'agentctl.dev/sync-revision': commit,
    'agentctl.dev/sync-path': 'agents/web.yaml',
  };
  await server.client.create('Agent', {
    ...web,
    metadata: { ...web.metadata, annotations: { team: 'research', ...origin } },
  });
  await server.client.create('ConfigMap', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'left',
      namespace: 'default',
      annotations: { ...origin, 'agentctl.dev/sync': 'default/gone' },
    },
  });
  for (const name of ['fleet-git', 'fleet-webhook']) {
    await server.client.create('Secret', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: 'default' },
    });
  }
}

/** What the next revision of each would change. */
export const diffs: Readonly<Record<string, SyncDiff>> = {
  fleet: {
    revision: commit,
    reference: 'refs/heads/main',
    applied: older,
    errors: [],
    needsApproval: true,
    changes: [
      { kind: 'Policy', namespace: 'default', name: 'slow', change: 'Created', fields: [] },
      {
        kind: 'Agent',
        namespace: 'default',
        name: 'web',
        change: 'Configured',
        fields: [{ path: 'spec.template.command', before: ['a'], after: ['b'], update: 'restart' }],
      },
      { kind: 'Agent', namespace: 'default', name: 'old', change: 'Pruned', fields: [] },
      {
        kind: 'Secret',
        namespace: 'other',
        name: 'key',
        change: 'Kept',
        fields: [],
        why: 'spec.prune is false',
      },
    ],
  },
  same: { revision: commit, applied: commit, errors: [], needsApproval: false, changes: [] },
  moved: {
    revision: commit,
    applied: older,
    errors: [],
    needsApproval: false,
    changes: [{ kind: 'Agent', namespace: 'default', name: 'web', change: 'Configured', fields: [] }],
  },
  kept: {
    revision: folder,
    errors: [],
    needsApproval: false,
    changes: [
      {
        kind: 'Agent',
        namespace: 'default',
        name: 'dear',
        change: 'Kept',
        fields: [],
        why: 'it is protected',
      },
    ],
  },
  broken: {
    revision: commit,
    reference: 'refs/tags/v1',
    applied: older,
    errors: ['agents/web.yaml:3:5: spec.replica: unknown field', 'agents/x.yaml:1:1: kind: is missing'],
    needsApproval: false,
    changes: [],
  },
};
