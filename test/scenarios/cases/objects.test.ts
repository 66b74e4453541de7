import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Agent } from '../../../src/api/objects.ts';
import { statusOf } from '../questions.ts';
import { eventually, Session } from '../support.ts';

let session: Session;
beforeAll(() => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
});
afterAll(() => session.end());

/** Its only variable tells one version of the manifest from another. */
const manifest = (name: string, version: number, spec = '', run = 'exec sleep 1000'): string => `
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name} }
spec:
  minReady: 0s
${spec}
  template:
    command: [sh, -c, ${JSON.stringify(run)}]
    env: [{ name: VERSION, value: "${version}" }]
`;

const agentOf = (name: string): Promise<Agent> => session.json<Agent>(`get agent ${name}`);
const versionOf = ({ spec }: Agent): string | undefined => spec.template.env?.[0]?.value;

test('the next apply is taken after one’s own rollout undo', async () => {
  await session.ok('apply -f - --wait', manifest('undone', 1));
  await session.ok('apply -f - --wait', manifest('undone', 2));
  await session.ok('rollout undo agent/undone');
  expect(versionOf(await agentOf('undone'))).toBe('1');
  expect(await session.run(['apply', '-f', '-'], manifest('undone', 3))).toMatchObject({ code: 0 });
  expect(versionOf(await agentOf('undone'))).toBe('3');
});

test('the next apply is taken after one’s own scale and patch', async () => {
  await session.ok('apply -f - --wait', manifest('changed', 1, '  replicas: 1\n  startDeadline: 60s'));
  await session.ok('scale agent/changed --replicas=2');
  await session.ok('patch agent changed -p {"spec":{"startDeadline":"50s"}}');
  const applied = manifest('changed', 1, '  replicas: 1\n  startDeadline: 40s');
  expect(await session.run(['apply', '-f', '-'], applied)).toMatchObject({ code: 0 });
  expect((await agentOf('changed')).spec).toMatchObject({ replicas: 1, startDeadline: '40s' });
});

test('an apply while the object is being deleted makes it anew, or fails: it is never lost in silence', async () => {
  const spec = '  policy: { stop: { gracePeriod: 3s } }';
  const stubborn = 'trap "" TERM; while :; do sleep 1; done';
  await session.ok('apply -f - --wait', manifest('leaving', 1, spec, stubborn));
  const { uid } = (await agentOf('leaving')).metadata;
  await session.ok('delete agent leaving --wait=false');
  const { code, stderr } = await session.run(['apply', '-f', '-'], manifest('leaving', 2, spec, stubborn));
  const after = await eventually(
    async () => {
      const { items } = await session.json<{ items: Agent[] }>('get agents');
      return items.find(({ metadata }) => metadata.name === 'leaving');
    },
    (found) => found?.metadata.uid !== uid,
  );
  if (code !== 0) expect(stderr).toContain('being deleted');
  else expect(after === undefined ? 'gone' : versionOf(after)).toBe('2');
});

test('a name can be used again after an orphaning delete', async () => {
  await session.ok('apply -f - --wait', manifest('orphaned', 1));
  await session.ok('delete agent orphaned --cascade=orphan');
  await session.apply(manifest('orphaned', 1));
  await eventually(
    () => statusOf(session, 'orphaned'),
    (status) => status?.phase === 'Ready',
  );
});
