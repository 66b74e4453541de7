import { expect, test } from 'vitest';
import type { Instance, InstanceStatus } from '../../src/api/objects.ts';
import { instanceTable } from '../../src/cli/describe/instance.ts';
import { instanceDetails } from '../../src/views/instance-details.ts';

const now = Date.parse('2026-01-31T12:10:00Z');
const claimedAt = '2026-01-31T12:00:00Z';

const instance = (name: string, runtime: string, status: InstanceStatus): Instance => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Instance',
  metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: claimedAt },
  spec: { agentName: 'web', agentUID: 'u', ordinal: 0, runtimeRef: { name: runtime } },
  status,
});

const ready = (startedAt: string): InstanceStatus => ({
  phase: 'Ready',
  reason: 'Ready',
  message: 'Run 1 is Ready.',
  run: { number: 1, cause: 'Created', revision: 'web-1', claimedAt, startedAt, ref: 'r' },
});

const boot = '12345678-1234-1234-1234-123456789abc';

test.each([
  [
    'pids of processes, in 80 columns where all is well',
    [
      instance('web-0', 'process', ready(`${boot}:4242:9`)),
      instance('web-1', 'process', { phase: 'Pending' }),
    ],
    [
      '  NAME    PHASE     PID    RUN   UP    RESTARTS   MESSAGE',
      '  web-0   Ready     4242   1     10m   0          Run 1 is Ready.',
      '  web-1   Pending   -      0     -     0',
    ],
  ],
  [
    'names of containers',
    [instance('web-0', 'docker', ready('2026-01-31T12:00:01Z'))],
    [
      '  NAME    PHASE   CONTAINER                RUN   UP      RESTARTS   MESSAGE',
      '  web-0   Ready   agentctl-default-web-0   1     9m59s   0          Run 1 is Ready.',
    ],
  ],
])('the instances of an agent are shown with %s', (_what, instances, lines) => {
  expect(instanceTable(instances.map(instanceDetails), now).trimEnd().split('\n')).toEqual(lines);
});
