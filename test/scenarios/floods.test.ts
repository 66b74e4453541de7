import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, type Session } from './support.ts';
import { asked, begun, sent, talker, talkStages } from './talking.ts';

/** Resident memory of a process, in bytes. */
const residentOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024;

const logBytes = (session: Session): number => {
  const folder = join(session.state, 'logs');
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
};

// How much slower others become is measured by the bench; here all that is asked for must end.
for (const stage of await talkStages()) {
  describe(`an agent that floods, on ${stage.name}`, () => {
    let session: Session;
    let pid = 0;
    /** With nobody who floods. */
    const calm = { resident: 0 };
    beforeAll(async () => {
      session = await stage.open();
      await begun(session, stage, { name: 'bystander' }, { name: 'target' });
      await asked(session, 'bystander', 'say hello');
      pid = await session.controllerPid();
      calm.resident = residentOf(pid);
    });
    afterAll(() => session.end());

    const floods: [string, string][] = [
      ['requests', ''],
      ['endless', ''],
    ];
    const more: [string, string][] = [
      ['messages', '  fleetAccess: Peers'],
      ['lines', ''],
      ['events', ''],
    ];
    // Docker's part is the pipe; the rest is the same for both.
    test.each(stage.engine === undefined ? [...floods, ...more] : floods)(
      'with %s keeps nobody from the controller, and it stays small',
      async (flood, spec) => {
        const env = { FLOOD: flood, FLOOD_SECONDS: '600', TO: 'target' };
        await begun(session, stage, { name: flood, script: 'flood', env, spec });
        let most = 0;
        const watch = setInterval(() => {
          most = Math.max(most, residentOf(pid));
        }, 50);
        const before = logBytes(session);
        for (let round = 0; round < 2; round += 1) {
          await session.ok('get agents');
          expect((await asked(session, 'bystander', 'say unharmed')).status?.answer).toBe('unharmed');
        }
        clearInterval(watch);
        expect(most - calm.resident).toBeLessThan(150e6);
        expect(logBytes(session) - before).toBeLessThan(500_000);
        await session.ok(`logs ${flood} --tail=3`);
        await session.ok(`delete agent ${flood} --timeout=60s`);
      },
    );

    test('with requests for permission has a hundred of them wait, and is read on', async () => {
      const env = { FLOOD: 'approvals', FLOOD_SECONDS: '600' };
      const spec = '  permissions: { default: Ask }';
      await session.apply(talker(stage, { name: 'asker', protocol: 'acp', script: 'flood', env, spec }));
      await sent(session, 'asker', 'begin');
      const waiting = async (): Promise<number> =>
        (await session.json<{ items: unknown[] }>('get approvals')).items.length;
      await eventually(waiting, (count) => count === 100);
      expect(residentOf(pid) - calm.resident).toBeLessThan(150e6);
      expect(await waiting()).toBe(100);
      await session.ok('delete agent asker --timeout=60s');
    });
  });
}
