import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Agent, Instance } from '../../src/api/objects.ts';
import type { List } from '../../src/client/resources.ts';
import { agent, forever, stages } from './runtimes.ts';
import { eventually, type Session } from './support.ts';

for (const stage of await stages()) {
  describe(`what is missing on ${stage.name}`, () => {
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
    });
    afterAll(() => session.end());

    /** Undefined until the controller has made the Instance. */
    const statusOf = async (name: string) =>
      (await session.json<List<Instance>>('get instances')).items.find(
        ({ metadata }) => metadata.name === `${name}-0`,
      )?.status;
    const pending = (name: string, reason: string) =>
      eventually(
        () => statusOf(name),
        (status) => status?.phase === 'Pending' && status.reason === reason,
      );
    const readyUnburnt = async (name: string): Promise<void> => {
      const status = await eventually(
        () => statusOf(name),
        (found) => found?.phase === 'Ready',
      );
      expect(status).toMatchObject({ run: { number: 1 }, restartCount: 0 });
      expect(status?.failures ?? 0).toBe(0);
    };

    test('a Secret: the message is the command that makes it, and then it starts by itself', async () => {
      const template = '    env: [{ name: KEY, valueFrom: { secretKeyRef: { name: model, key: token } } }]';
      await session.apply(
        agent(stage, { name: 'secretive', run: `test "$KEY" = s3cret || exit 1; ${forever}`, template }),
      );
      const status = await pending('secretive', 'SecretMissing');
      expect(status?.message).toContain('agentctl create secret generic model --from-literal=token=');
      await session.ok('create secret generic model --from-literal=token=s3cret');
      await readyUnburnt('secretive');
    });

    test('a key of a Secret that is there', async () => {
      const template = '    env: [{ name: KEY, valueFrom: { secretKeyRef: { name: model, key: other } } }]';
      await session.apply(agent(stage, { name: 'keyless', run: forever, template }));
      expect((await pending('keyless', 'SecretMissing'))?.message).toContain('other');
      await session.ok('patch secret model -p {"stringData":{"other":"x"}}');
      await readyUnburnt('keyless');
    });

    test('a ConfigMap', async () => {
      const template = '    envFrom: [{ configMapRef: { name: settings } }]';
      await session.apply(agent(stage, { name: 'unset', run: forever, template }));
      await pending('unset', 'ConfigMapMissing');
      await session.ok('create configmap settings --from-literal=LEVEL=3');
      await readyUnburnt('unset');
    });

    test('a Policy: refused until it is there, and what runs is left alone when it goes', async () => {
      await session.apply(
        agent(stage, { name: 'lawless', run: forever, spec: '  policyRef: { name: strict }' }),
      );
      const accepted = async (name: string) =>
        (await session.json<Agent>(`get agent ${name}`)).status?.conditions?.find(
          ({ type }) => type === 'Accepted',
        );
      await eventually(
        () => accepted('lawless'),
        (condition) => condition?.reason === 'PolicyMissing',
      );
      const policy = 'apiVersion: agentctl.dev/v1\nkind: Policy\nmetadata: { name: strict }\n';
      await session.apply(policy);
      await readyUnburnt('lawless');
      const before = await statusOf('lawless');
      await session.ok('delete policy strict');
      await eventually(
        () => accepted('lawless'),
        (condition) => condition?.status === 'False',
      );
      expect((await statusOf('lawless'))?.run).toEqual(before?.run);
      await session.apply(policy);
      await eventually(
        () => accepted('lawless'),
        (condition) => condition?.status === 'True',
      );
    });

    if (stage.name === 'process') {
      test('a command: no restart is burnt while it is not there', async () => {
        const program = join(session.folder, 'program');
        await session.apply(`
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: early }
spec: { minReady: 100ms, template: { command: [${program}] } }
`);
        expect((await pending('early', 'CommandNotFound'))?.message).toContain(program);
        writeFileSync(program, `#!/bin/sh\n${forever}\n`);
        chmodSync(program, 0o755);
        await readyUnburnt('early');
      });

      test('a field that the Runtime cannot honour is refused, with its name', async () => {
        await session.apply(
          agent(stage, { name: 'greedy', run: forever, template: '    resources: { limits: { cpu: "1" } }' }),
        );
        const { status } = await eventually(
          () => session.json<Agent>('get agent greedy'),
          (found) => found.status?.reason === 'UnsupportedByRuntime',
        );
        expect(status?.message).toContain('spec.template.resources.limits');
        const { code, stderr } = await session.run([
          'wait',
          'agent/greedy',
          '--for=condition=Ready',
          '--timeout=90s',
        ]);
        expect([code, stderr]).toEqual([2, expect.stringContaining('UnsupportedByRuntime')]);
      });
    } else {
      test('a command: no restart is burnt while the image has none', async () => {
        await session.apply(
          agent(stage, { name: 'early', run: forever }).replace('[sh, -c,', '[/no/such/program, -c,'),
        );
        expect((await pending('early', 'CommandNotFound'))?.message).toContain('/no/such/program');
        await session.apply(agent(stage, { name: 'early', run: forever }));
        const status = await eventually(
          () => statusOf('early'),
          (found) => found?.phase === 'Ready',
        );
        expect(status).toMatchObject({ restartCount: expect.any(Number) });
        expect(status?.failures ?? 0).toBe(0);
      });
    }
  });
}
