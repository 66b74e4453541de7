import type { Agent, Instance } from '../../src/api/objects.ts';
import { agent, type Running } from '../server/support.ts';

const at = (time: string): string => `2026-01-31T${time}Z`;

/** An agent in backoff and one that is Ready, with all that stands around them. */
export async function seed({ client, controller, clock }: Running): Promise<void> {
  clock.advance(0);
  await client.create('Runtime', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Runtime',
    metadata: { name: 'process' },
    spec: { driver: 'process' },
  });
  await client.create('Policy', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Policy',
    metadata: { name: 'slow', namespace: 'default' },
    spec: {
      restart: { maxRestarts: 5, window: '10m' },
      backoff: { schedule: ['5s', '30s'] },
      scheduledRestart: { cron: '30 4 * * *', timezone: 'Europe/Berlin' },
    },
  });
  await client.create('Secret', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'model', namespace: 'default' },
    stringData: { API_KEY: 'sesame-open' },
  });
  await makeAgent(
    { client, controller } as Running,
    'calm',
    {},
    {
      phase: 'Ready',
      readyReplicas: 1,
      reason: 'Ready',
      message: 'Run 1 is Ready.',
    },
  );
  const web = await makeAgent(
    { client, controller } as Running,
    'web',
    {
      policyRef: { name: 'slow' },
      runtimeRef: { name: 'process' },
      template: {
        command: ['sh', '-c', 'echo hello; exit 3'],
        env: [
          { name: 'GREETING', value: 'good day' },
          { name: 'API_KEY', valueFrom: { secretKeyRef: { name: 'model', key: 'API_KEY' } } },
        ],
      },
    },
    {
      phase: 'BackOff',
      reason: 'ExitCode',
      message: 'Run 3 ended with code 3.',
      readyReplicas: 0,
      restartCount: 2,
      nextAction: 'Start',
      nextAt: at('12:00:25'),
      updateRevision: 'web-1',
    },
  );
  await makeRevision({ client, controller } as Running, web);
  await makeInstance({ client, controller } as Running, web);
  await makeEvents({ client, controller } as Running);
}

async function makeAgent(
  { client, controller }: Running,
  name: string,
  spec: object,
  status: object,
): Promise<Agent> {
  const made = await client.create('Agent', agent(name, spec));
  const conditions = [
    {
      type: 'Accepted',
      status: 'True' as const,
      observedGeneration: 1,
      lastTransitionTime: at('11:50:00'),
      reason: 'Accepted',
      message: 'The spec is valid.',
    },
    {
      type: 'Ready',
      status: name === 'calm' ? ('True' as const) : ('False' as const),
      observedGeneration: 1,
      lastTransitionTime: at('11:59:55'),
      reason: name === 'calm' ? 'Ready' : 'BackOff',
      message: name === 'calm' ? '1 of 1 instances are Ready.' : '0 of 1 instances are Ready.',
    },
  ];
  return controller.update(
    'Agent',
    { ...made, status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, conditions, ...status } },
    { subresource: 'status' },
  );
}

async function makeRevision({ controller }: Running, { metadata, spec }: Agent): Promise<void> {
  const template = { ...spec.template, command: ['sh', '-c', 'echo hello; exit 2'] };
  await controller.create('Revision', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Revision',
    metadata: { name: 'web-1', namespace: 'default', ownerReferences: [owner(metadata)] },
    revision: 1,
    data: { ...spec, template },
  });
}

const owner = ({ name, uid }: Agent['metadata']) => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Agent',
  name,
  uid,
  controller: true,
});

async function makeInstance({ controller }: Running, { metadata }: Agent): Promise<void> {
  const made = await controller.create('Instance', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Instance',
    metadata: {
      name: 'web-0',
      namespace: 'default',
      labels: { 'agentctl.dev/agent': 'web' },
      ownerReferences: [owner(metadata)],
    },
    spec: { agentName: 'web', agentUID: metadata.uid, ordinal: 0, runtimeRef: { name: 'process' } },
  });
  const status: Instance['status'] = {
    observedGeneration: 1,
    phase: 'BackOff',
    reason: 'ExitCode',
    message: 'Run 3 ended with code 3.',
    run: {
      number: 3,
      revision: 'web-1',
      claimedAt: at('11:59:50'),
      cause: 'Restart',
      ref: 'web-0/3',
      startedAt: at('11:59:50'),
    },
    restartCount: 2,
    failures: 2,
    backoffUntil: at('12:00:25'),
    lastExit: { run: 3, code: 3, startedAt: at('11:59:50'), finishedAt: at('11:59:55'), cause: 'Agent' },
    conditions: [
      {
        type: 'Ready',
        status: 'False',
        observedGeneration: 1,
        lastTransitionTime: at('11:59:55'),
        reason: 'BackOff',
        message: 'Run 3 ended with code 3.',
      },
    ],
  };
  await controller.update('Instance', { ...made, status }, { subresource: 'status' });
}

async function makeEvents({ controller }: Running): Promise<void> {
  const event = (name: string, kind: string, object: string, rest: object) =>
    controller.create('Event', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace: 'default' },
      involvedObject: { apiVersion: 'agentctl.dev/v1', kind, name: object, namespace: 'default' },
      ...rest,
    });
  await event('web.1', 'Agent', 'web', {
    type: 'Normal',
    reason: 'Accepted',
    message: 'The spec is valid.',
    count: 1,
    firstTimestamp: at('11:50:00'),
    lastTimestamp: at('11:50:00'),
  });
  await event('web-0.1', 'Instance', 'web-0', {
    type: 'Warning',
    reason: 'BackOff',
    message: 'Run 3 ended with code 3, start in 30s.',
    count: 3,
    firstTimestamp: at('11:58:00'),
    lastTimestamp: at('11:59:55'),
  });
  await event('other.1', 'Agent', 'calm', {
    type: 'Normal',
    reason: 'Ready',
    message: 'All instances are Ready.',
    count: 1,
    firstTimestamp: at('11:51:00'),
    lastTimestamp: at('11:51:00'),
  });
}
