import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ready, statusOf } from './questions.ts';
import { eventually, type Session } from './support.ts';
import {
  asked,
  begun,
  entriesIn,
  folderOf,
  instance,
  messageOf,
  sent,
  talker,
  talkStages,
} from './talking.ts';

const ended = (session: Session, name: string) =>
  eventually(
    () => messageOf(session, name),
    ({ status }) => status?.endedAt !== undefined,
  );

/** What was said and done in it. */
const turnOf = async (session: Session, name: string): Promise<string> =>
  (await session.ok(`messages describe ${name}`)).split('\nTurn:')[1] ?? '';

for (const stage of await talkStages()) {
  describe(`a turn while something else changes, on ${stage.name}`, () => {
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
      await begun(
        session,
        stage,
        { name: 'worker' },
        { name: 'acp', protocol: 'acp' },
        { name: 'changed' },
        { name: 'doomed' },
      );
    });
    afterAll(() => session.end());

    test('what was answered while no controller ran is delivered once', async () => {
      const names = ['worker', 'acp'];
      const folders = await Promise.all(names.map((name) => folderOf(session, stage, `${name}-0`)));
      const messages = await Promise.all(
        names.map((name) => sent(session, name, 'say one\nsleep 1500\nsay two\neffect finish')),
      );
      await eventually(
        () => Promise.all(messages.map((name) => turnOf(session, name))),
        (stories) => stories.every((story) => story.includes('one')),
      );
      process.kill(await session.controllerPid(), 'SIGKILL');
      const finished = (folder: string): boolean =>
        existsSync(join(folder, 'effects.log')) &&
        readFileSync(join(folder, 'effects.log'), 'utf8').includes('finish');
      await eventually(() => folders.every(finished), Boolean);
      await session.ok('controller start');
      for (const name of messages) {
        expect((await ended(session, name)).status).toMatchObject({
          state: 'Completed',
          answer: 'onetwo',
          attempts: 1,
          run: 1,
        });
        const told = entriesIn(await session.ok(`messages follow ${name} -o json`));
        const texts = told.flatMap((entry) =>
          'event' in entry && entry.event.type === 'text' ? [entry.event.text] : [],
        );
        expect(texts.join('')).toBe('onetwo');
        expect(told.filter((entry) => 'end' in entry)).toHaveLength(1);
      }
    });

    test('a new spec and a restart wait for the end of the turn', async () => {
      const first = await sent(session, 'changed', 'sleep 1500\nsay old\nenv COLOUR');
      await session.apply(talker(stage, { name: 'changed', env: { COLOUR: 'blue' } }));
      const { status } = await ended(session, first);
      expect(status).toMatchObject({ state: 'Completed', answer: 'old', attempts: 1, run: 1 });
      await ready(session, 'changed', 2);
      const second = await sent(session, 'changed', 'sleep 1000\nenv COLOUR');
      await session.ok('rollout restart changed');
      expect((await ended(session, second)).status).toMatchObject({ answer: 'blue', attempts: 1, run: 2 });
      await ready(session, 'changed', 3);
      expect((await asked(session, 'changed', 'env COLOUR')).status).toMatchObject({
        answer: 'blue',
        run: 3,
      });
      expect((await statusOf(session, 'changed'))?.failures ?? 0).toBe(0);
    });

    test('a question to a run that ends is answered with the reason, and the message goes on in the next', async () => {
      const query = session.run(['query', 'changed', 'silent']);
      const turn = sent(session, 'changed', 'say begun \nsleep 60000');
      await eventually(
        async () => turnOf(session, await turn),
        (story) => story.includes('begun'),
      );
      await session.kill(stage, await instance(session, 'changed-0'));
      const { code, stderr } = await query;
      expect(code).not.toBe(0);
      expect(stderr).toContain('has ended');
      await eventually(
        async () => messageOf(session, await turn),
        (message) => message.status?.attempts === 2 && message.status.run === 4,
      );
      await session.ok(`messages cancel ${await turn}`);
    });

    test('a deleted agent ends the streams of its turns, and those that wait', async () => {
      const streamed = session.begin(['send', 'doomed', 'say here\nsleep 60000', '--stream', '-o', 'json']);
      await eventually(streamed.output, (output) => output.includes('here'));
      const waiting = session.run(['send', 'doomed', 'say never', '--wait']);
      await eventually(
        () => session.ok('messages get --agent=doomed --state=pending'),
        (list) => list.includes('Pending'),
      );
      await session.ok('delete agent doomed --timeout=60s');
      await eventually(streamed.output, (output) => entriesIn(output).some((entry) => 'end' in entry));
      const end = entriesIn(streamed.output()).find((entry) => 'end' in entry)?.end;
      expect(end?.status).toMatchObject({ state: 'Failed', reason: 'AgentDeleted' });
      expect(await waiting).toMatchObject({ code: 1, stderr: expect.stringContaining('was deleted') });
      await streamed.end();
    });
  });
}
