import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { becomes, ready } from './questions.ts';
import { agent, stages } from './runtimes.ts';
import { eventually, type Session } from './support.ts';

for (const stage of await stages()) {
  describe(`the output and input of an agent, on ${stage.name}`, () => {
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
    });
    afterAll(() => session.end());

    test('both streams are logged in order, with the time of each line, and since is exact', async () => {
      const run = `for i in 1 3 5; do echo "$i out"; sleep 0.5; echo "$((i+1)) err" >&2; sleep 0.5; done; sleep 3000`;
      await session.apply(agent(stage, { name: 'order', run }));
      const log = (): Promise<string> => session.ok('logs order');
      const all = ['1 out', '2 err', '3 out', '4 err', '5 out', '6 err'];
      expect((await eventually(log, (text) => text.includes('6 err'))).trim().split('\n')).toEqual(all);
      expect((await session.ok('logs order --tail=3')).trim().split('\n')).toEqual(all.slice(3));
      const stamped = (await session.ok('logs order --timestamps')).trim().split('\n');
      const since = stamped[3]?.split(' ')[0] ?? '';
      expect(Date.parse(since)).toBeGreaterThan(Date.now() - 600_000);
      expect((await session.ok(`logs order --since-time=${since}`)).trim().split('\n')).toEqual(all.slice(3));
      await session.ok('delete agent order');
    });

    test('an agent that reads its input to the end goes on and completes', async () => {
      const spec = '  policy: { restart: { on: OnFailure } }';
      const run = 'echo "reading"; extra=$(cat); echo "answer: ok"';
      await session.apply(agent(stage, { name: 'reader', run, spec }));
      await becomes(session, 'reader', { phase: 'Completed' });
      expect(await session.ok('logs reader')).toBe('reading\nanswer: ok\n');
      await session.ok('delete agent reader');
    });

    test('an agent whose input is to stay open waits for it', async () => {
      const template = '    stdin: true';
      await session.apply(agent(stage, { name: 'waiter', run: 'echo reading; cat; echo over', template }));
      await ready(session, 'waiter');
      expect(await session.ok('logs waiter')).toBe('reading\n');
      await session.ok('delete agent waiter');
    });

    test.skipIf(stage.engine !== undefined)('the log of a run takes a bounded part of the disk', async () => {
      const run =
        "head -c 80000000 /dev/zero | tr '\\0' x | fold -w 99; echo; echo done; echo later >&2; exec sleep 1000";
      await session.apply(agent(stage, { name: 'chatty', run }));
      await ready(session, 'chatty');
      await eventually(
        () => session.ok('logs chatty --tail=5'),
        (text) => text.includes('done'),
      );
      expect(sizeOf(join(session.state, 'instances'))).toBeLessThan(60e6);
    });
  });
}

/** Bytes of all files below. */
const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
