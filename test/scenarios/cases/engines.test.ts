import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Instance } from '../../../src/api/objects.ts';
import type { List } from '../../../src/client/resources.ts';
import { findEngine } from '../../engines/engine.ts';
import { buildTestImage, testImage } from '../../engines/image.ts';
import { canRunDocker, startOwnDocker } from '../../engines/own.ts';
import { countProcesses } from '../../engines/processes.ts';
import { becomes, ready } from '../questions.ts';
import { agent, dockerStage, dockerStages, stages } from '../runtimes.ts';
import { eventually, Session } from '../support.ts';

for (const stage of await dockerStages()) {
  describe('containers', () => {
    const { engine } = stage;
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
    });
    afterAll(() => session.end());

    test('are stopped with the signal that their image names', async () => {
      const trap =
        "trap 'echo got QUIT; exit 0' QUIT; trap 'echo got TERM; exit 1' TERM; echo up; while :; do sleep 0.2; done";
      const image = 'agentctl-test-stopsignal:1';
      const made = await engine.call('POST', `/containers/create?name=agentctl-test-stopsignal`, {
        Image: testImage,
        Cmd: ['sh', '-c', trap],
      });
      expect(made.status).toBe(201);
      const changes = encodeURIComponent('STOPSIGNAL SIGQUIT');
      const [repo, tag] = image.split(':');
      const committed = await engine.call(
        'POST',
        `/commit?container=agentctl-test-stopsignal&repo=${repo}&tag=${tag}&changes=${changes}`,
      );
      await engine.call('DELETE', '/containers/agentctl-test-stopsignal?force=1');
      expect(committed.status).toBe(201);
      await session.apply(`
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: quits }
spec:
  template: { image: "${image}", imagePullPolicy: Never }
`);
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
        response.statusCode = 429;
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'slow down' }] }));
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
  readiness: { exec: { command: [sh, -c, "echo x >>/tmp/checks-${marker}; ${run}"] }, timeout: 1s, period: 1s }`;
      await session.apply(agent(stage, { name: 'checked', run: 'exec sleep 1000', spec }));
      // A check that hangs is one at most, so what is more was left by those before it.
      let seen = 0;
      let ended = 0;
      await eventually(
        () => {
          const now = countProcesses(marker);
          if (now < seen) ended += 1;
          seen = now;
          return ended;
        },
        (count) => count >= 3,
        60_000,
      );
      expect(countProcesses(marker)).toBeLessThanOrEqual(1);
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

test.skipIf(!canRunDocker())(
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
