import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ready } from './questions.ts';
import { eventually, type Session } from './support.ts';
import { asked, begun, entriesIn, fileOf, instance, messageOf, sent, talkStages } from './talking.ts';

/** Resident memory of a process, in bytes. */
const residentOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024;

for (const stage of await talkStages()) {
  describe(`turns that are cut short, on ${stage.name}`, () => {
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
      await begun(
        session,
        stage,
        { name: 'frail', policy: 'messages: { onInterrupted: Fail }' },
        { name: 'mute', policy: 'messages: { inactivityTimeout: 1s }' },
        { name: 'robust' },
        { name: 'acp', protocol: 'acp' },
        { name: 'bystander' },
      );
    });
    afterAll(() => session.end());

    test('a stream ends with an error at a crash that is not resumed', async () => {
      const streamed = session.begin(['send', 'frail', 'say here\nsleep 60000', '--stream', '-o', 'json']);
      await eventually(streamed.output, (output) => output.includes('here'));
      await session.kill(stage, await instance(session, 'frail-0'));
      await eventually(streamed.output, (output) => entriesIn(output).some((entry) => 'end' in entry));
      const end = entriesIn(streamed.output()).find((entry) => 'end' in entry)?.end;
      expect(end?.status).toMatchObject({ state: 'Failed', reason: 'Interrupted' });
      await streamed.end();
    });

    test('a turn that is silent for too long is broken off, one with an open tool call is not', async () => {
      const silent = await asked(session, 'mute', 'silent');
      expect(silent.status).toMatchObject({ state: 'Failed', reason: 'Inactive' });
      await session.kill(stage, await instance(session, 'mute-0'));
      await ready(session, 'mute', 2);
      const working = await asked(session, 'mute', 'tool saw 1500\nsay sawn');
      expect(working.status).toMatchObject({ state: 'Completed', answer: 'sawn' });
    });

    test('a turn that a crash cut short is done again or taken up, with each effect once', async () => {
      const [retried, resumed] = await Promise.all([
        asked(session, 'robust', 'effect one\nsay half way \nhalf\neffect two\nsay done'),
        asked(session, 'acp', 'effect one\nhalf once\neffect two\nsay done'),
      ]);
      expect(retried.status).toMatchObject({ state: 'Completed', attempts: 2, answer: 'half way done' });
      expect(resumed.status).toMatchObject({ state: 'Completed', attempts: 2, answer: 'done' });
      for (const name of ['robust', 'acp']) {
        const effects = (await fileOf(session, stage, `${name}-0`, 'effects.log')).trim().split('\n');
        expect(effects.map((line) => line.split(' ')[0])).toEqual(['one', 'two']);
      }
    });

    test('an agent that says it can load sessions and refuses fails the message, with the reason', async () => {
      await begun(session, stage, { name: 'forgetful', protocol: 'acp', env: { LOAD_REFUSED: '1' } });
      const lost = await asked(session, 'forgetful', 'say something\ncrash once\nsay more');
      expect(lost.status).toMatchObject({ state: 'Failed', reason: 'SessionLost' });
      expect(lost.status?.message).toContain('the session is gone');
      expect((await asked(session, 'forgetful', 'say anew')).status?.answer).toBe('anew');
    });

    test('a flood, a line of 4 MiB and garbage harm nobody else', async () => {
      const pid = await session.controllerPid();
      const before = residentOf(pid);
      let most = before;
      const watch = setInterval(() => {
        most = Math.max(most, residentOf(pid));
      }, 20);
      const name = await sent(session, 'robust', `say begin\nflood ${50 * 1024 * 1024}\ngarbage\nsay end`);
      expect((await asked(session, 'bystander', 'say unharmed')).status?.answer).toBe('unharmed');
      const flooded = await eventually(
        () => messageOf(session, name),
        ({ status }) => ['Completed', 'Failed'].includes(status?.state ?? ''),
      );
      expect(flooded.status?.state).toBe('Completed');
      const all = await session.ok(`messages follow ${name}`);
      expect(all.length).toBeGreaterThan(50 * 1024 * 1024);
      clearInterval(watch);
      expect(most - before).toBeLessThan(200e6);
      const long = await asked(session, 'robust', `long ${4 * 1024 * 1024 - 1000}`);
      expect(long.status?.answer).toHaveLength(4 * 1024 * 1024 - 1000);
      const tooLong = await asked(session, 'robust', `long ${17 * 1024 * 1024}\nsay after`);
      expect(tooLong.status?.state).toBe('Completed');
      expect(tooLong.status?.answer?.length).toBe('after'.length);
    });
  });
}
