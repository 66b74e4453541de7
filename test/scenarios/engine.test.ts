import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Agent } from '../../src/api/objects.ts';
import { testImage } from '../engines/image.ts';
import { becomes, containerOf, inspect, ready, reasonsOf, statusOf } from './questions.ts';
import { agent, dockerStages, forever } from './runtimes.ts';
import { eventually, type Session } from './support.ts';

/** Tags that are not there at first. */
const laterImages = ['agentctl-test-later:1', 'localhost:1/no-such/image:1'] as const;

for (const stage of await dockerStages()) {
  describe('what happens on an engine behind the controller', () => {
    const { engine } = stage;
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
      for (const image of laterImages) await engine.call('DELETE', `/images/${image}`);
    });
    afterAll(async () => {
      await session.end();
      for (const image of laterImages) await engine.call('DELETE', `/images/${image}`);
    });

    test('a container that is removed comes back as a new one, after its backoff', async () => {
      const spec = '  policy: { backoff: { schedule: [2s], jitter: 0 } }';
      await session.apply(agent(stage, { name: 'removed', run: forever, spec }));
      const before = await ready(session, 'removed');
      await engine.call('DELETE', `/containers/${containerOf('removed')}?force=1`);
      await becomes(session, 'removed', { phase: 'BackOff' });
      const after = await ready(session, 'removed', 2);
      expect(after.run?.ref).not.toBe(before.run?.ref);
      expect(after).toMatchObject({ restartCount: 1, failures: 1 });
      expect(await reasonsOf(session, 'removed')).toEqual(
        expect.arrayContaining(['Exited', 'BackOff', 'Started', 'Ready']),
      );
      const story = await session.ok('describe agent removed');
      expect(story).toMatch(/removed|gone|vanished/i);
    });

    test('a paused container is Unready with the remedy, and Ready again without a restart', async () => {
      await session.apply(agent(stage, { name: 'paused', run: forever }));
      const before = await ready(session, 'paused');
      await engine.call('POST', `/containers/${containerOf('paused')}/pause`);
      const { message } = await becomes(session, 'paused', { phase: 'Unready', reason: 'Paused' });
      expect(message).toContain(`docker unpause ${before.run?.ref?.slice(0, 12)}`);
      await engine.call('POST', `/containers/${containerOf('paused')}/unpause`);
      const after = await ready(session, 'paused');
      expect(after).toMatchObject({ restartCount: 0, run: before.run });
      expect(after.failures ?? 0).toBe(0);
    });

    test('an agent whose container is paused can be deleted', async () => {
      await engine.call('POST', `/containers/${containerOf('paused')}/pause`);
      await becomes(session, 'paused', { reason: 'Paused' });
      await session.ok('delete agent paused --timeout=90s');
      expect(await inspect(engine, containerOf('paused'))).toBeUndefined();
    });

    test('an exit in the first 10 ms is never Ready, not for an instant', async () => {
      const watch = session.begin(['get', 'instances', '-w', '-o', 'json']);
      const spec = '  policy: { backoff: { schedule: [0s, 0s, 0s, 0s, 1m], jitter: 0 } }';
      await session.apply(agent(stage, { name: 'brief', run: 'exit 3', spec }));
      await becomes(session, 'brief', { phase: 'BackOff', run: 5 });
      await watch.end();
      const seen = phasesIn(watch.output(), 'brief-0');
      expect(seen).toContain('BackOff');
      expect(seen).not.toContain('Ready');
      expect(await statusOf(session, 'brief')).toMatchObject({
        failures: 5,
        restartCount: 4,
        lastExit: { code: 3, run: 5 },
      });
      expect(await reasonsOf(session, 'brief')).not.toContain('Ready');
    });

    test('liveness that fails restarts the same container', async () => {
      const spec = `  liveness: { exec: { command: [test, -f, /tmp/alive] }, period: 200ms, failureThreshold: 2 }
  policy: { backoff: { schedule: [0s] } }`;
      const run = `touch /tmp/alive; echo run >> /tmp/runs; ${forever}`;
      await session.apply(agent(stage, { name: 'lively', run, spec }));
      const before = await ready(session, 'lively');
      await execIn(containerOf('lively'), ['rm', '/tmp/alive']);
      const after = await ready(session, 'lively', 2);
      expect(after.run?.ref).toBe(before.run?.ref);
      expect(after).toMatchObject({ restartCount: 1, failures: 1 });
      expect(await session.ok('describe agent lively')).toContain('LivenessFailed');
    });

    test('readiness is asked over the bridge, and follows the answer', async () => {
      const spec = `  readiness: { httpGet: { path: /ok, port: 8080 }, period: 200ms, failureThreshold: 1 }`;
      const run = 'mkdir -p /tmp/www; httpd -f -p 8080 -h /tmp/www & trap "exit 0" TERM; wait';
      await session.apply(agent(stage, { name: 'served', run, spec }));
      await becomes(session, 'served', { phase: 'Starting', reason: 'WaitingForReadiness' });
      await execIn(containerOf('served'), ['touch', '/tmp/www/ok']);
      await ready(session, 'served');
      await execIn(containerOf('served'), ['rm', '/tmp/www/ok']);
      const unready = await becomes(session, 'served', { phase: 'Unready' });
      expect(unready.message).toContain('404');
      await execIn(containerOf('served'), ['touch', '/tmp/www/ok']);
      expect(await ready(session, 'served')).toMatchObject({ restartCount: 0 });
    });

    test('a missing image is Pending with the remedy, and starts by itself when it is there', async () => {
      const [other] = laterImages;
      const manifest = agent(stage, { name: 'imageless', run: forever }).replace(testImage, other);
      await session.apply(manifest.replace('IfNotPresent', 'Never'));
      const { message } = await becomes(session, 'imageless', { phase: 'Pending', reason: 'ImageMissing' });
      expect(message).toContain(other);
      expect(message).toMatch(/pull|build/);
      await engine.call('POST', `/images/${testImage}/tag?repo=agentctl-test-later&tag=1`);
      const after = await ready(session, 'imageless');
      expect(after.restartCount ?? 0).toBe(0);
      expect(after.failures ?? 0).toBe(0);
    });

    test('an image that cannot be pulled is Pending with what the engine says', async () => {
      const [, other] = laterImages;
      await session.apply(agent(stage, { name: 'pulled', run: forever }).replace(testImage, other));
      const { message } = await becomes(session, 'pulled', { phase: 'Pending', reason: 'ImagePull' });
      expect(message).toContain(other);
      await engine.call('POST', `/images/${testImage}/tag?repo=localhost:1/no-such/image&tag=1`);
      expect((await ready(session, 'pulled')).failures ?? 0).toBe(0);
    });

    test('a host path that the Runtime does not allow is refused; one that is allowed may come later', async () => {
      const path = join(session.folder, 'shared');
      const template = `    volumes: [{ name: shared, hostPath: { path: ${path} } }]
    volumeMounts: [{ name: shared, mountPath: /shared }]`;
      await session.apply(agent(stage, { name: 'sharing', run: forever, template }));
      const refused = await eventually(
        () => session.json<Agent>('get agent sharing'),
        ({ status }) =>
          status?.conditions?.some(({ type, status: is }) => type === 'Accepted' && is === 'False') === true,
      );
      const accepted = refused.status?.conditions?.find(({ type }) => type === 'Accepted');
      expect(accepted?.message).toContain('allowHostPaths');
      await session.ok(`patch runtime docker -p {"spec":{"allowHostPaths":["${session.folder}"]}}`);
      const { message } = await becomes(session, 'sharing', { phase: 'Pending', reason: 'MountMissing' });
      expect(message).toContain(path);
      mkdirSync(path);
      const after = await ready(session, 'sharing');
      expect(after.restartCount ?? 0).toBe(0);
      expect(after.failures ?? 0).toBe(0);
    });

    test('a host path that leads out of what is allowed by a symbolic link is not mounted', async () => {
      const path = join(session.folder, 'way-out');
      symlinkSync('/etc', path);
      const template = `    volumes: [{ name: out, hostPath: { path: ${path} } }]
    volumeMounts: [{ name: out, mountPath: /out }]`;
      await session.apply(agent(stage, { name: 'leaving', run: forever, template }));
      const { message } = await becomes(session, 'leaving', { phase: 'Pending', reason: 'MountNotAllowed' });
      expect(message).toContain('/etc');
    });

    test('limits, user and security of the manifest hold in the engine', async () => {
      const template = `    user: "1000:1000"
    readOnlyRootFilesystem: true
    resources: { limits: { cpu: 500m, memory: 64Mi, pids: 32 } }
    security: { capabilities: { add: [NET_BIND_SERVICE] } }`;
      await session.ok('patch runtime docker -p {"spec":{"allow":{"capabilities":["NET_BIND_SERVICE"]}}}');
      await session.apply(agent(stage, { name: 'bound', run: forever, template }));
      await session.apply(agent(stage, { name: 'plain', run: forever }));
      await ready(session, 'bound');
      await ready(session, 'plain');
      const [bound, plain] = [
        await inspect(engine, containerOf('bound')),
        await inspect(engine, containerOf('plain')),
      ];
      expect(bound?.Config.User).toBe('1000:1000');
      expect(bound?.HostConfig).toMatchObject({
        NanoCpus: 500_000_000,
        Memory: 64 * 1024 * 1024,
        PidsLimit: 32,
        ReadonlyRootfs: true,
        CapDrop: ['ALL'],
        CapAdd: [expect.stringMatching(/NET_BIND_SERVICE$/)],
        SecurityOpt: expect.arrayContaining([expect.stringContaining('no-new-privileges')]),
        Privileged: false,
      });
      expect(plain?.HostConfig).toMatchObject({
        CapDrop: ['ALL'],
        SecurityOpt: expect.arrayContaining([expect.stringContaining('no-new-privileges')]),
        Privileged: false,
        LogConfig: { Config: { 'max-size': expect.any(String), 'max-file': expect.any(String) } },
        RestartPolicy: { Name: expect.stringMatching(/^(no)?$/) },
      });
    });

    async function execIn(container: string, command: string[]): Promise<void> {
      const made = await engine.call('POST', `/containers/${container}/exec`, { Cmd: command });
      const { Id: id } = JSON.parse(made.text) as { Id: string }; // the engine's API says so
      await engine.call('POST', `/exec/${id}/start`, { Detach: true });
    }
  });
}

/** The phases that an Instance went through, by a watch's output: JSON objects one after the other. */
function phasesIn(output: string, name: string): string[] {
  return output
    .split(/^(?=\{)/m)
    .filter((text) => text.includes(`"name": "${name}"`))
    .flatMap((text) => (JSON.parse(text) as { status?: { phase?: string } }).status?.phase ?? []); // an Instance
}
