/** What an agent's manifest could take from the host, the engine, and others; and who may say as whom it runs. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Agent, New } from '../../src/api/objects.ts';
import { createHttpClient, type HttpClient } from '../../src/client/http.ts';
import { findEngine, type TestEngine } from '../engines/engine.ts';
import { buildTestImage, testImage } from '../engines/image.ts';
import { eventually, Session } from './support.ts';

const manifest = (namespace: string, name: string, run: string, template: string): string => `
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  minReady: 100ms
  template:
    image: ${testImage}
    imagePullPolicy: IfNotPresent
    command: [sh, -c, ${JSON.stringify(run)}]
${template}
---
`;

const namespaces = ['team-a', 'team-b', 'team']
  .map((name) => `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name} }\n---\n`)
  .join('');
const data = `    volumes: [ { name: data, named: {} } ]
    volumeMounts: [ { name: data, mountPath: /data } ]`;
const named = (volume: string): string => `    volumes: [ { name: x, named: { volumeName: ${volume} } } ]
    volumeMounts: [ { name: x, mountPath: /data } ]`;

const acceptedOf = ({ status }: Agent) => status?.conditions?.find(({ type }) => type === 'Accepted');

for (const name of ['docker', 'podman'] as const) {
  const engine = await findEngine(name);
  if (engine === undefined) {
    test.skipIf(process.env.CI !== 'true')(`no ${name} engine answers`, () => {
      throw new Error(`no ${name} engine answers`);
    });
  } else suite(name, engine);
}

function suite(name: string, engine: TestEngine): void {
  describe(`at ${name}`, () => {
    const session = new Session({ DOCKER_HOST: engine.endpoint });
    beforeAll(async () => {
      await buildTestImage(engine);
      await session.apply(
        namespaces +
          manifest('team-a', 'victim', 'echo private-of-team-a > /data/s; sleep 600', data) +
          manifest('team', 'a-victim', 'ls /data; sleep 600', data),
      );
      await session.ok('wait agent/victim -n team-a --for=condition=Ready --timeout=60s');
      await session.ok('wait agent/a-victim -n team --for=condition=Ready --timeout=60s');
    }, 180_000);
    afterAll(async () => {
      // The volume is in use until they are gone.
      await session.run(['delete', 'agents', '--all', '-n', 'team-b', '--timeout=90s']);
      for (const [namespace, agent] of [
        ['team-a', 'victim'],
        ['team', 'a-victim'],
      ])
        await session.run([
          'delete',
          'agent',
          agent ?? '',
          '-n',
          namespace ?? '',
          '--purge',
          '--timeout=90s',
        ]);
      await session.end();
    });

    test('agents whose names look the same joined have each their own container and volume', async () => {
      expect(await session.ok('logs a-victim -n team')).toBe('');
      const volumes = async (agent: string, namespace: string): Promise<string[]> => {
        const { text } = await engine.call('GET', '/volumes');
        const { Volumes: all } = JSON.parse(text) as {
          Volumes: { Name: string; Labels: Record<string, string> | null }[];
        };
        return all
          .filter(
            ({ Labels: own }) =>
              own?.['agentctl.dev/namespace'] === namespace && own['agentctl.dev/agent'] === agent,
          )
          .map(({ Name: volume }) => volume);
      };
      expect(await volumes('victim', 'team-a')).toContain('team-a_victim_data');
      expect(await volumes('a-victim', 'team')).toContain('team_a-victim_data');
    });

    const host = '    network: { mode: Bridge, name: host }';
    const other = '    network: { name: "container:agentctl-team-a_victim-0" }';
    test.each([
      ['volume', named('team-a_victim_data'), 'allow.volumes (none)'],
      ['former-volume', named('team-a-victim-data'), 'allow.volumes (none)'],
      ['host', host, 'host is not the name of a network'],
      ['net', other, 'is not the name of a network'],
      ['mode', '    network: { mode: Host }', 'allow.hostNetwork'],
      ['privileged', '    security: { privileged: true }', 'allow.privileged'],
      ['capabilities', '    security: { capabilities: { add: [ALL] } }', 'allow.capabilities (none)'],
      ['port', '    network: { ports: [{ containerPort: 80, hostIP: 0.0.0.0 }] }', 'allow.hostIPs (none)'],
    ])('another namespace takes nothing by thief-%s, and is told why', async (thief, template, words) => {
      await session.apply(manifest('team-b', `thief-${thief}`, 'cat /data/s; sleep 600', template));
      const { status } = await eventually(
        () => session.json<Agent>(`get agent thief-${thief} -n team-b`),
        (agent) => acceptedOf(agent) !== undefined,
      );
      const accepted = status?.conditions?.find(({ type }) => type === 'Accepted');
      expect(accepted).toMatchObject({ status: 'False', reason: 'UnsupportedByRuntime' });
      expect(accepted?.message).toContain(words);
      const label = encodeURIComponent(JSON.stringify({ label: [`agentctl.dev/agent=thief-${thief}`] }));
      expect((await engine.call('GET', `/containers/json?all=true&filters=${label}`)).text.trim()).toBe('[]');
    });

    test('what an admin allows is there at once, and the Runtime says so', async () => {
      const allow = { volumes: ['team-a_victim_data'] };
      await session.run(['patch', 'runtime', 'docker', '-p', JSON.stringify({ spec: { allow } })]);
      await session.ok('wait agent/thief-volume -n team-b --for=condition=Ready --timeout=60s');
      expect(await session.ok('logs thief-volume -n team-b')).toContain('private-of-team-a');
      expect(await session.ok('describe runtime docker')).toMatch(/Allowed: +volumes: team-a_victim_data/);
    });
  });
}

describe('a token of the role edit', () => {
  const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  const clients: HttpClient[] = [];
  let edit: HttpClient;
  beforeAll(async () => {
    await session.ok('controller start --listen 127.0.0.1:0');
    const { tls } = await session.json<{ tls: { address: string } }>('controller status');
    const file = (name: string): string => readFileSync(join(session.state, 'server', name), 'utf8');
    const tokens = JSON.parse(file('tokens.json')) as { role: string; token: string }[]; // as the server writes it
    const token = tokens.find(({ role }) => role === 'edit')?.token;
    const [, ca = ''] =
      /certificate-authority-data: *"?([A-Za-z0-9+/=]+)/.exec(file('edit.kubeconfig')) ?? [];
    edit = createHttpClient({ url: tls.address, ca: Buffer.from(ca, 'base64').toString(), token });
    clients.push(edit);
  }, 60_000);
  afterAll(async () => {
    for (const client of clients) client.close();
    await session.end();
  });

  const process = (name: string, run: string, template: object = {}): New<Agent> => ({
    apiVersion: 'agentctl.dev/v1',
    kind: 'Agent',
    metadata: { name, namespace: 'default', annotations: { 'agentctl.dev/author': 'nobody' } },
    spec: { minReady: '100ms', template: { command: ['sh', '-c', run], ...template } },
  });

  test("runs nothing as the controller's user, by an agent of its own or of an admin's", async () => {
    const mark = join(session.folder, 'ran');
    await edit.create('Agent', process('theirs', `touch ${mark}; sleep 600`));
    await session.apply(JSON.stringify({ ...process('own', 'sleep 600'), metadata: { name: 'own' } }));
    await session.ok('wait agent/own --for=condition=Ready --timeout=90s');
    const before = await session.json<Agent>('get agent own');
    const body = { spec: { template: { command: ['sh', '-c', `touch ${mark}; sleep 600`] } } };
    await edit.patch('Agent', { namespace: 'default', name: 'own' }, { type: 'merge', body });
    for (const name of ['theirs', 'own']) {
      const agent = await eventually(
        () => session.json<Agent>(`get agent ${name}`),
        (found) => acceptedOf(found)?.status === 'False',
      );
      expect(acceptedOf(agent)?.message).toMatch(
        /spec\.template\.user: token:edit wrote agent\/.*allow\.controllerUser/,
      );
    }
    expect(existsSync(mark)).toBe(false);
    expect(before.metadata.annotations?.['agentctl.dev/author']).toBeUndefined();
    // An admin trusts it.
    await session.ok('annotate agent/theirs agentctl.dev/author-');
    await session.ok('wait agent/theirs --for=condition=Ready --timeout=90s');
    expect(existsSync(mark)).toBe(true);
  });
});
