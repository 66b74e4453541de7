import { expect, test } from 'vitest';
import { agent } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell();

test('rollout history says what each revision changed, and who did it', async () => {
  const { client, controller } = shell.server;
  const made = await client.create('Agent', agent('web'));
  const { uid, name } = made.metadata;
  const record = (revision: number, annotations: Record<string, string>, command: string[], hmac: string) =>
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
      data: { ...made.spec, template: { ...made.spec.template, command }, model: `m${revision}` },
      inputs: { 'Secret/key': hmac },
    });
  await record(1, { 'agentctl.dev/changed-by': 'agentctl' }, ['a'], 'x');
  await record(2, { 'agentctl.dev/changed-by': 'kubectl-edit' }, ['b'], 'x');
  await record(3, {}, ['b'], 'y');
  expect((await shell.run(['rollout', 'history', 'web'])).out).toBe(`agent.agentctl.dev/web
REVISION   RECORDED                           USE   CHANGED BY     CHANGES
1          2026-01-31 12:00:00 UTC (0s ago)         agentctl       -
2          2026-01-31 12:00:00 UTC (0s ago)         kubectl-edit   spec.template.command: ["a"] -> ["b"]
                                                                   spec.model: "m1" -> "m2"
3          2026-01-31 12:00:00 UTC (0s ago)         -              spec.model: "m2" -> "m3"
                                                                   Secret/key changed
`);
});
