import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Instance } from '../../../src/api/objects.ts';
import type { List } from '../../../src/client/resources.ts';
import { findEngine } from '../../engines/engine.ts';
import { buildStopSignalImage, buildTestImage, stopSignalImage, testImage } from '../../engines/image.ts';
import { startOwnDocker } from '../../engines/own.ts';
import { countProcesses } from '../../engines/processes.ts';
import { lacks } from '../../needs.ts';
import { becomes, ready } from '../questions.ts';
import { agent, dockerStage, dockerStages, stages } from '../runtimes.ts';
import { eventually, Session } from '../support.ts';
import { fileOf } from '../talking.ts';

for (const stage of await dockerStages()) {
  describe('containers', () => {
    const { engine } = stage;
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
    });
    afterAll(() => session.end());

    test('are stopped with the signal that their image names', async () => {
      await buildStopSignalImage(engine);
      const run = "trap 'echo got QUIT; exit 0' QUIT; echo up; while :; do sleep 0.2; done";
      const manifest = agent(stage, { name: 'quits', run }).replace(testImage, stopSignalImage);
      await session.apply(manifest);
      await eventually(
        () => session.run(['logs', 'quits']),
        ({ stdout }) => stdout.includes('up'),
      );
      await session.ok('suspend agent/quits');
      await becomes(session, 'quits', { phase: 'Stopped' });
      expect(await session.ok('logs quits')).toContain('got QUIT');
    });

    test('are pulled less and less often where that fails', async () => {
      const pulls: number[] = [];
      const registry = createServer((request, response) => {
        if (request.url === '/v2/') {
          response.end('{}');
          return;
        }
        pulls.push(performance.now());
        response.statusCode = 404;
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'unknown' }] }));
      });
      await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
      const { port } = registry.address() as AddressInfo; // it listens on a port
      try {
        await session.apply(`
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: pulled }
spec:
  template: { image: "127.0.0.1:${port}/x/missing:1", command: [sleep, "1000"] }
`);
        const tries = (): number[] => pulls.filter((at, index) => at - (pulls[index - 1] ?? 0) > 1_000);
        await eventually(tries, (all) => all.length >= 3);
        const [first = 0, , third = 0] = tries();
        expect(third - first).toBeGreaterThan(15_000);
      } finally {
        await session.ok('delete agent pulled --timeout=90s');
        registry.close();
      }
    });
  });
}

for (const stage of await stages()) {
  test(`a check that took too long leaves nothing running on ${stage.name}`, async () => {
    const session = await stage.open();
    const marker = `${process.pid}042`;
    try {
      const run =
        stage.engine === undefined ? `setsid sleep ${marker} & sleep 30; true` : `sleep ${marker}; true`;
      const spec = `  startDeadline: 10m
  readiness: { exec: { command: [sh, -c, "echo x >>checks; ${run}"] }, timeout: 1s, period: 1s }`;
      await session.apply(agent(stage, { name: 'checked', run: 'exec sleep 1000', spec }));
      await becomes(session, 'checked', { phase: 'Starting' });
      await eventually(
        () => fileOf(session, stage, 'checked-0', 'checks'),
        (checks) => checks.length >= 10,
      );
      // Nothing but the check that is at work.
      await eventually(
        () => countProcesses(marker),
        (count) => count <= 1,
        20_000,
      );
    } finally {
      await session.end();
    }
  });
}

const podman = await findEngine('podman');
test.skipIf(podman === undefined && process.env.CI !== 'true')(
  'a plain program in Podman ends at SIGTERM',
  async () => {
    if (podman === undefined) throw new Error('CI needs Podman: scripts/engines.sh up podman DIR');
    await buildTestImage(podman);
    const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
    try {
      await session.apply(`
apiVersion: agentctl.dev/v1
kind: Runtime
metadata: { name: podman }
spec: { driver: docker, endpoint: "${podman.endpoint}" }
---
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: plain }
spec:
  runtimeRef: { name: podman }
  policy: { stop: { gracePeriod: 20s } }
  template: { image: "${testImage}", imagePullPolicy: Never, command: [sleep, "1000"] }
`);
      await ready(session, 'plain');
      await session.ok('suspend agent/plain');
      const { lastExit } = await becomes(session, 'plain', { phase: 'Stopped' });
      expect(lastExit?.code).toBe(143);
    } finally {
      await session.end();
    }
  },
);

test.skipIf(lacks('dockerd'))(
  'talking agents that start together share one network on a new engine',
  async () => {
    const engine = await startOwnDocker();
    const session = await dockerStage(engine).open();
    try {
      const stage = dockerStage(engine);
      const run = `echo '{"type":"ready"}'; while read line; do :; done`;
      const names = ['n1', 'n2', 'n3', 'n4'];
      await session.apply(
        names.map((name) => agent(stage, { name, run, spec: '  protocol: jsonl' })).join(''),
      );
      await eventually(
        async () => (await session.json<List<Instance>>('get instances')).items,
        (all) => all.length === 4 && all.every(({ status }) => status?.phase === 'Ready'),
      );
      const filters = encodeURIComponent(JSON.stringify({ name: ['^agentctl$'] }));
      const { text } = await engine.call('GET', `/networks?filters=${filters}`);
      expect(JSON.parse(text)).toHaveLength(1);
    } finally {
      await session.end();
      await engine.remove();
    }
  },
);
