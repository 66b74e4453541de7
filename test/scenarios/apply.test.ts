import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Agent, Event, Instance } from '../../src/api/objects.ts';
import type { List } from '../../src/client/resources.ts';
import { agent, forever, stages } from './runtimes.ts';
import { eventually, type Session } from './support.ts';

for (const stage of await stages()) {
  describe(`apply on ${stage.name}`, () => {
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
    });
    afterAll(() => session.end());

    const instance = (name: string): Promise<Instance> => session.json<Instance>(`get instance ${name}`);
    const ready = (name: string): Promise<string> =>
      session.ok(`wait agent/${name} --for=condition=Ready --timeout=90s`);
    const set = (greeting: string, replicas = 1): string =>
      agent(stage, {
        name: 'one',
        run: forever,
        spec: `  replicas: ${replicas}`,
        template: `    env: [{ name: GREETING, value: ${greeting} }]`,
      }) + agent(stage, { name: 'two', run: forever });

    test('the first apply starts the controller and makes agents run', async () => {
      const { code, stdout, stderr } = await session.run(['apply', '-f', '-'], set('hello'));
      expect([code, stdout]).toEqual([0, 'agent.agentctl.dev/one created\nagent.agentctl.dev/two created\n']);
      expect(stderr).toContain('controller');
      await ready('one');
      await ready('two');
      expect((await instance('one-0')).status).toMatchObject({
        phase: 'Ready',
        restartCount: 0,
        run: { number: 1 },
      });
    });

    test('a second apply changes nothing: no write, the same containers', async () => {
      const before = await session.json<List<Agent>>('get agents,instances');
      expect(await session.apply(set('hello'))).toBe(
        'agent.agentctl.dev/one unchanged\nagent.agentctl.dev/two unchanged\n',
      );
      expect(await session.json<List<Agent>>('get agents,instances')).toEqual(before);
    });

    test('diff and plan name the changed field and what it restarts, and change nothing', async () => {
      const before = await instance('one-0');
      const { code, stdout } = await session.run(['diff', '-f', '-'], set('good-bye'));
      expect(code).toBe(1);
      expect(stdout).toMatch(/spec\.template\.env\[.*GREETING.*\]\.value: "hello" -> "good-bye" .*restart/);
      expect(stdout).not.toContain('two');
      expect(await session.ok('plan -f -', set('good-bye'))).toContain('GREETING');
      expect(await instance('one-0')).toEqual(before);
    });

    test('one changed field replaces only its agent, and describe names the field', async () => {
      const [one, two] = [await instance('one-0'), await instance('two-0')];
      await session.apply(set('good-bye'));
      const after = await eventually(
        () => instance('one-0'),
        ({ status }) => status?.phase === 'Ready' && status.run?.number === 2,
      );
      expect(after.status?.run?.ref).not.toBe(one.status?.run?.ref);
      expect(after.status?.run?.revision).toBe('one-2');
      expect(await instance('two-0')).toEqual(two);
      expect(await session.ok('describe agent one')).toContain('GREETING');
    });

    test('a live field restarts nothing', async () => {
      const before = await instance('one-0');
      await session.ok('patch agent one -p {"spec":{"startDeadline":"45s"}}');
      const changed = await eventually(
        () => session.json<Agent>('get agent one'),
        ({ metadata, status }) => status?.observedGeneration === metadata.generation,
      );
      expect(changed.spec.startDeadline).toBe('45s');
      expect((await instance('one-0')).status?.run?.startedAt).toBe(before.status?.run?.startedAt);
    });

    test('scaling adds and removes the highest ordinals', async () => {
      await session.apply(set('good-bye', 3));
      await eventually(
        () => session.json<Agent>('get agent one'),
        ({ status }) => status?.readyReplicas === 3,
      );
      await session.apply(set('good-bye', 1));
      await eventually(
        async () =>
          (await session.json<List<Instance>>('get instances')).items.map(({ metadata }) => metadata.name),
        (names) => names.join() === 'one-0,two-0',
      );
    });

    test('an instance that is killed comes back in the same container, and its Events tell the story', async () => {
      const before = await instance('two-0');
      await session.kill(stage, before);
      const after = await eventually(
        () => instance('two-0'),
        ({ status }) => status?.phase === 'Ready' && status.run?.number === 2,
        20_000,
      );
      expect(after.status).toMatchObject({
        restartCount: 1,
        failures: 1,
        lastExit: { run: 1, code: 137, cause: 'Agent' },
      });
      expect(after.status?.run?.ref).toBe(before.status?.run?.ref);
      const { items } = await session.json<List<Event>>('get events');
      const reasons = items
        .filter(({ involvedObject }) => involvedObject.name === 'two-0')
        .map(({ reason }) => reason);
      expect(reasons).toEqual(expect.arrayContaining(['Started', 'Ready', 'Exited', 'BackOff']));
      const story = await session.ok('describe agent two');
      for (const word of ['Exited', 'BackOff', '137']) expect(story).toContain(word);
    });

    test('suspend stops it and keeps it so, resume starts the same container again', async () => {
      const before = await instance('two-0');
      await session.ok('suspend agent/two');
      await eventually(
        () => instance('two-0'),
        ({ status }) => status?.phase === 'Stopped',
      );
      await session.ok('resume agent/two');
      const after = await eventually(
        () => instance('two-0'),
        ({ status }) => status?.phase === 'Ready',
      );
      expect(after.status?.run?.ref).toBe(before.status?.run?.ref);
      expect(after.status?.failures ?? 0).toBe(0);
    });

    test('undo goes back to an earlier spec', async () => {
      await session.ok('rollout undo agent/one --to-revision=1');
      const back = await eventually(
        () => session.json<Agent>('get agent one'),
        ({ status }) => status?.updateRevision === 'one-4',
      );
      expect(back.spec.template.env).toEqual([{ name: 'GREETING', value: 'hello' }]);
      await session.ok('rollout status agent/one --timeout=90s');
    });

    test('delete ends all of it', async () => {
      await session.ok('delete agents --all');
      expect((await session.json<List<Instance>>('get instances')).items).toEqual([]);
    });
  });
}
