import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ready } from '../questions.ts';
import { agent, stages } from '../runtimes.ts';
import { eventually, type Session } from '../support.ts';

for (const stage of await stages()) {
  describe(`logs on ${stage.name}`, () => {
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
    });
    afterAll(() => session.end());

    test('are followed over the end of a run', async () => {
      const spec = '  policy: { backoff: { schedule: [500ms], jitter: 0 } }';
      // A container is made for its first run, and keeps the number of that.
      const run = 'echo x >>runs; echo "run $(wc -l <runs) begins"; sleep 2; exit 1';
      await session.apply(agent(stage, { name: 'follow', run, spec }));
      await eventually(
        () => session.run(['logs', 'follow']),
        ({ stdout }) => stdout.includes('begins'),
      );
      const following = session.begin(['logs', 'follow', '-f']);
      await eventually(following.output, (text) => /run 2 begins[\s\S]*run 3 begins/.test(text), 40_000);
      await following.end();
    });

    test('keep the order of both streams', async () => {
      const run =
        'for i in 1 3 5; do echo "$i out"; sleep 0.5; echo "$((i+1)) err" >&2; sleep 0.5; done; exec sleep 1000';
      await session.apply(agent(stage, { name: 'order', run }));
      const all = ['1 out', '2 err', '3 out', '4 err', '5 out', '6 err'];
      await eventually(
        () => session.ok('logs order'),
        (text) => text.split('\n').length > all.length,
      );
      expect((await session.ok('logs order')).trim().split('\n')).toEqual(all);
      expect((await session.ok('logs order --tail=3')).trim().split('\n')).toEqual(all.slice(3));
    });

    test.skipIf(stage.engine !== undefined)('take a bounded part of the disk', async () => {
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
