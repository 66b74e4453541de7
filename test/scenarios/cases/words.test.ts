/** What a user types and reads, with the built command line and a real process. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Session } from '../support.ts';

let session: Session;
const agent = (spec: string): string =>
  `apiVersion: agentctl.dev/v1\nkind: Agent\nmetadata: {name: hello}\nspec:\n  minReady: 0s\n${spec}`;
const running = (word: string, more = ''): string =>
  agent(
    `${more}  template: {command: [sh, -c, 'trap "exit 0" TERM; : ${word}; while :; do sleep 1; done']}\n`,
  );

beforeAll(async () => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere', TZ: 'Asia/Kolkata' });
  await session.apply(running('one', '  replicas: 3\n'));
  await session.ok('wait agent/hello --for=condition=Ready --timeout=60s');
});
afterAll(() => session.end());

test('get agents fits 80 columns, and a Ready agent needs no reason', async () => {
  const table = await session.ok('get agents');
  for (const line of table.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  expect(table).toMatch(/^hello +3\/3 +Ready +0 +\d+s$/m);
  expect(await session.ok('get agents -o wide')).toMatch(/ process +hello-1\n/);
});

test('describe takes a bare name, tells times in local time or UTC, and the pid', async () => {
  expect(await session.ok('describe hello')).toMatch(/^Created: +\S+ \S+ \+05:30 \(/m);
  expect(await session.ok('describe hello --utc')).toMatch(/^Created: +\S+ \S+ UTC \(/m);
  const pid = /^ +Pid: +(\d+)$/m.exec(await session.ok('describe instance/hello-0'))?.[1];
  expect(() => process.kill(Number(pid), 0)).not.toThrow();
});

test('an agent in a rolling update is Updating, and never Stopping', async () => {
  await session.ok('apply -f -', running('two', '  replicas: 3\n'));
  const phases = new Set<string>();
  for (;;) {
    const { status } = await session.json<{ status: { phase: string; updatedReplicas: number } }>(
      'get agent hello',
    );
    phases.add(status.phase);
    if (status.phase === 'Ready' && status.updatedReplicas === 3) break;
  }
  expect(phases).toContain('Updating');
  expect(phases).not.toContain('Stopping');
});

test('rollout history says what changed, and by whom', async () => {
  const history = await session.ok('rollout history hello');
  expect(history).toMatch(/^2 .* agentctl +spec\.template\.command: .*one.* -> .*two/m);
});

test('a wrong name, and the command of another tool, are answered with the right one', async () => {
  expect((await session.run(['describe', 'agent', 'helo'])).stderr).toContain('did you mean "hello"?');
  expect((await session.run(['restart', 'hello'])).stderr).toContain('Use agentctl rollout restart NAME');
  expect((await session.run(['query', 'hello', 'x'])).stderr).toContain('has no protocol');
});
