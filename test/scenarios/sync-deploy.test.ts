import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { becomes, containerOf, inspect, ready } from './questions.ts';
import { stages } from './runtimes.ts';
import type { Session } from './support.ts';
import { Followed } from './sync-followed.ts';
import { web } from './sync-manifests.ts';
import { eventsOf, tellOfPush } from './sync-support.ts';

/** From a push to what runs. */

const token = 'the token of the webhook';

for (const stage of await stages()) {
  describe(`from a push to what runs on ${stage.name}`, () => {
    let session: Session;
    let story: Followed;
    beforeAll(async () => {
      session = await stage.open();
      const files = { 'web.yaml': web('web', 'hello', stage), 'api.yaml': web('api', 'hello', stage) };
      story = await Followed.begin(session, 'fleet', files, {
        over: 'https',
        spec: { interval: '10m' },
        webhookToken: token,
      });
      await ready(session, 'web');
      await ready(session, 'api');
    });
    afterAll(async () => {
      await story[Symbol.asyncDispose]();
      await session.end();
    });

    /** What the running one has in its environment; of processes the store's word is taken. */
    async function greeting(): Promise<string | undefined> {
      if (stage.engine === undefined)
        return /GREETING[^\w]+value: (\S+)/.exec(await session.ok('get agent web -o yaml'))?.[1];
      const container = await inspect(stage.engine, containerOf('web'));
      return container?.State.Running === true
        ? container.Config.Env.find((line) => line.startsWith('GREETING='))?.slice('GREETING='.length)
        : undefined;
    }

    test('a webhook of a push starts the changed one anew, and leaves the other', async () => {
      const before = await ready(session, 'api');
      await story.repository.publish({ 'web.yaml': web('web', 'pushed', stage) });
      expect(await tellOfPush(session, token)).toBe(202);
      await ready(session, 'web', 2);
      expect(await greeting()).toBe('pushed');
      expect((await ready(session, 'api')).run).toEqual(before.run);
    });

    test('a git revert takes it back', async () => {
      await story.repository.revertLast();
      expect(await tellOfPush(session, token)).toBe(202);
      await ready(session, 'web', 3);
      expect(await greeting()).toBe('hello');
    });

    test('one that goes from the repository is stopped and removed', async () => {
      await story.repository.publish({ 'web.yaml': null });
      expect(await tellOfPush(session, token)).toBe(202);
      await story.synced();
      await session.ok('wait agent/web --for=delete --timeout=90s');
      if (stage.engine !== undefined) expect(await inspect(stage.engine, containerOf('web'))).toBeUndefined();
      await becomes(session, 'api', { phase: 'Ready', run: 1 });
      expect((await eventsOf(session)).join()).toContain('1 pruned');
    });
  });
}
