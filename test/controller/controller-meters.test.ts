import { expect, test } from 'vitest';
import type { Instance, InstanceStatus } from '../../src/api/objects.ts';
import { countRuns, managerMeter } from '../../src/controller/controller-meters.ts';
import { createMeters } from '../../src/platform/prometheus.ts';

const { meters, exposition } = createMeters();

async function samplesOf(name: string): Promise<string[]> {
  const lines = (await exposition.text()).split('\n');
  return lines.filter((line) => line.startsWith(name) && !line.includes('_bucket'));
}

test('the times of the manager are exposed in seconds', async () => {
  const meter = managerMeter(meters);
  meter.reconciled('agent', 'Failed', 1_500, 250);
  meter.retried('agent');
  expect(await samplesOf('agentctl_reconcile')).toEqual([
    'agentctl_reconcile_queue_duration_seconds_sum{reconciler="agent"} 1.5',
    'agentctl_reconcile_queue_duration_seconds_count{reconciler="agent"} 1',
    'agentctl_reconcile_duration_seconds_sum{reconciler="agent",result="Failed"} 0.25',
    'agentctl_reconcile_duration_seconds_count{reconciler="agent",result="Failed"} 1',
    'agentctl_reconcile_retries_total{reconciler="agent"} 1',
  ]);
});

test('starts, restarts and ends are counted once each, however often the status is written', async () => {
  const claimed = { number: 1, revision: 'web-1', claimedAt: '2026-03-02T10:00:00Z', cause: 'FirstStart' };
  const started = { ...claimed, startedAt: 'a' };
  const lastExit = { run: 1, finishedAt: '2026-03-02T10:01:00Z', cause: 'Agent' } as const;
  const again = { ...claimed, number: 2 };
  const statuses: InstanceStatus[] = [
    {},
    { run: claimed },
    { run: started, restartCount: 0 },
    { run: started, restartCount: 0, readySince: '2026-03-02T10:00:01Z' },
    { run: started, restartCount: 0, lastExit },
    { run: again, restartCount: 0, lastExit },
    { run: { ...again, startedAt: 'b' }, restartCount: 1, lastExit },
    { run: { ...again, startedAt: 'b' }, restartCount: 1, lastExit: { ...lastExit, run: 2, cause: 'Stop' } },
  ];
  const object = { metadata: { namespace: 'default', name: 'web-0' }, spec: { agentName: 'web' } };
  for (const [at, status] of statuses.slice(1).entries())
    countRuns(meters, { ...object, status: statuses[at] } as Instance, status); // it reads no other fields
  expect(await samplesOf('agentctl_instance')).toEqual([
    'agentctl_instance_starts_total{namespace="default",agent="web"} 2',
    'agentctl_instance_restarts_total{namespace="default",agent="web"} 1',
    'agentctl_instance_exits_total{namespace="default",agent="web",cause="Agent"} 1',
    'agentctl_instance_exits_total{namespace="default",agent="web",cause="Stop"} 1',
  ]);
});
