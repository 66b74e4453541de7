import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testImage } from '../engines/image.ts';
import { becomes, containerOf, inspect, ready, statusOf } from './questions.ts';
import { agent, dockerStages, forever } from './runtimes.ts';
import { eventually, type Session } from './support.ts';

for (const stage of await dockerStages()) {
  describe('what is not ours on an engine', () => {
    const { engine } = stage;
    let session: Session;
    let other: Session;
    beforeAll(async () => {
      session = await stage.open();
      other = await stage.open();
    });
    afterAll(async () => {
      await engine.call('DELETE', `/containers/${containerOf('taken')}?force=1`);
      await Promise.all([session.end(), other.end()]);
    });

    test("a name that a stranger's container has: told with the remedy, the stranger left alone", async () => {
      const body = { Image: testImage, Cmd: ['sleep', '1000'] };
      await engine.call('POST', `/containers/create?name=${containerOf('taken')}`, body);
      await engine.call('POST', `/containers/${containerOf('taken')}/start`);
      const stranger = await inspect(engine, containerOf('taken'));
      await session.apply(agent(stage, { name: 'taken', run: forever }));
      const { message } = await becomes(session, 'taken', { phase: 'Pending', reason: 'NameTaken' });
      expect(message).toContain(`docker rename ${containerOf('taken')}`);
      expect(await session.ok('describe agent taken')).toContain('NameTaken');
      expect(await inspect(engine, containerOf('taken'))).toMatchObject({
        Id: stranger?.Id,
        State: { Running: true, StartedAt: stranger?.State.StartedAt },
      });
    });

    test('it is Ready soon after the stranger is gone, with no restart counted', async () => {
      await engine.call('DELETE', `/containers/${containerOf('taken')}?force=1`);
      const status = await ready(session, 'taken');
      expect(status.restartCount ?? 0).toBe(0);
      expect(status.failures ?? 0).toBe(0);
    });

    test('an agent that never got its name is deleted without a touch to the stranger', async () => {
      const name = containerOf('refused');
      await engine.call('POST', `/containers/create?name=${name}`, { Image: testImage, Cmd: ['true'] });
      await session.apply(agent(stage, { name: 'refused', run: forever }));
      await becomes(session, 'refused', { reason: 'NameTaken' });
      await session.ok('delete agent refused --timeout=90s');
      expect(await inspect(engine, name)).toBeDefined();
      await engine.call('DELETE', `/containers/${name}?force=1`);
    });

    test('of two controllers that want one name the second waits, and comes in when the first has gone', async () => {
      const manifest = agent(stage, { name: 'both', run: forever });
      await session.apply(manifest);
      const first = await ready(session, 'both');
      await other.apply(manifest);
      await becomes(other, 'both', { phase: 'Pending', reason: 'NameTaken' });
      expect((await statusOf(session, 'both'))?.run).toEqual(first.run);
      await session.ok('delete agent both --timeout=90s');
      const second = await ready(other, 'both');
      expect(second.run?.ref).not.toBe(first.run?.ref);
    });

    test("delete, prune and stop of one controller leave the other's containers alone", async () => {
      await session.apply(agent(stage, { name: 'mine', run: forever }));
      await other.apply(agent(stage, { name: 'theirs', run: forever }));
      await ready(session, 'mine');
      const theirs = await ready(other, 'theirs');
      const file = session.file('set.yaml', agent(stage, { name: 'pruned', run: forever }));
      await session.ok(`apply -f ${file} --prune --applyset=mine`);
      await ready(session, 'pruned');
      session.file('set.yaml', agent(stage, { name: 'kept', run: forever }));
      await session.ok(`apply -f ${file} --prune --applyset=mine`);
      await eventually(
        () => inspect(engine, containerOf('pruned')),
        (found) => found === undefined,
      );
      await session.ok('delete agents --all --timeout=60s');
      await session.ok('controller stop --agents');
      expect(await inspect(engine, containerOf('mine'))).toBeUndefined();
      expect(await statusOf(other, 'theirs')).toEqual(theirs);
      expect(await inspect(engine, containerOf('theirs'))).toMatchObject({
        Id: theirs.run?.ref,
        State: { Running: true, StartedAt: theirs.run?.startedAt },
      });
    });
  });
}
