import { expect, test } from 'vitest';
import { agent } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell();

test('rollout history says what each revision changed, and who did it', async () => {
  const { client, controller } = shell.server;
  const made = await client.create('Agent', agent('web'));
  const { uid, name } = made.metadata;
  const record = (
    revision: number,
    annotations: Record<string, string>,
    command: string[],
    inputs: Record<string, string>,
    template: object = {},
  ) =>
    controller.create('Revision', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Revision',
      metadata: {
        name: `web-${revision}`,
        namespace: 'default',
        annotations,
        ownerReferences: [{ apiVersion: 'agentctl.dev/v1', kind: 'Agent', name, uid }],
      },
      revision,
      data: {
        ...made.spec,
        template: { ...made.spec.template, command, ...template },
        model: `m${revision}`,
      },
      inputs,
    });
  await record(1, { 'agentctl.dev/changed-by': 'agentctl' }, ['a'], { 'Secret/key': 'x' });
  await record(2, { 'agentctl.dev/changed-by': 'kubectl-edit' }, ['b'], { 'Secret/key': 'x' });
  await record(3, {}, ['b'], { 'Secret/key': 'y' });
  const envFrom = [{ configMapRef: { name: 'settings', optional: true } }];
  await record(4, {}, ['b'], { 'Secret/key': 'y' }, { envFrom });
  await record(5, {}, ['b'], { 'Secret/key': 'y', 'ConfigMap/settings': 'z' }, { envFrom });
  const files = [
    { path: '/key', mode: '0400', secretKeyRef: { name: 'other', key: 'key', optional: false } },
  ];
  await record(6, {}, ['b'], { 'ConfigMap/settings': 'z', 'Secret/other': 'z' }, { envFrom, files });
  expect((await shell.run(['rollout', 'history', 'web'])).out).toBe(`agent.agentctl.dev/web
REVISION   RECORDED                           USE   CHANGED BY     CHANGES
1          2026-01-31 12:00:00 UTC (0s ago)         agentctl       -
2          2026-01-31 12:00:00 UTC (0s ago)         kubectl-edit   spec.template.command: ["a"] -> ["b"]
                                                                   spec.model: "m1" -> "m2"
3          2026-01-31 12:00:00 UTC (0s ago)         -              spec.model: "m2" -> "m3"
                                                                   Secret/key changed
4          2026-01-31 12:00:00 UTC (0s ago)         -              spec.template.envFrom: absent -> [{"configMapRef":{"name":"settings","optional":true}}]
                                                                   spec.model: "m3" -> "m4"
5          2026-01-31 12:00:00 UTC (0s ago)         -              spec.model: "m4" -> "m5"
                                                                   ConfigMap/settings created
6          2026-01-31 12:00:00 UTC (0s ago)         -              spec.template.files[path=/key]: absent -> {"path":"/key","mode":"0400","secretKeyRef":{"name":"other","key":"key","optional":false}}
                                                                   spec.model: "m5" -> "m6"
                                                                   Secret/other added
`);
});
