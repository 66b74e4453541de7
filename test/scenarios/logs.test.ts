import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agent, stages } from './runtimes.ts';
import { eventually, type Session } from './support.ts';

for (const stage of await stages()) {
  describe(`logs on ${stage.name}`, () => {
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
    });
    afterAll(() => session.end());

    test('-f goes on with the next run, with a line between them, until Ctrl-C', async () => {
      const run = 'for n in 1 2; do echo "run $AGENTCTL_RUN line $n"; sleep 0.5; done; exit 1';
      const spec = '  policy: {backoff: {schedule: [1s], jitter: 0}}';
      await session.apply(agent(stage, { name: 'follow', run, spec }));
      await eventually(
        () => session.run(['logs', 'follow']),
        ({ stdout }) => stdout.includes('line 1'),
      );
      const following = session.begin(['logs', 'follow', '-f']);
      // A container that is started again keeps its environment, the number of its first run too.
      const begins = (text: string): number => [...text.matchAll(/line 1$/gm)].length;
      await eventually(following.output, (text) => begins(text) >= 3);
      await following.end();
      const output = following.output();
      expect(output).toMatch(
        /--- follow-0: Run 1 ended with code 1\. It starts again at .*\n--- follow-0: Run 2 began\.\n/,
      );
      const lines = output.split('\n').filter((line) => line.startsWith('run '));
      expect(lines.slice(0, 4).map((line) => line.slice(-6))).toEqual([
        'line 1',
        'line 2',
        'line 1',
        'line 2',
      ]);
    });

    test('--previous shows the run that ended last, alone', async () => {
      await session.apply(
        agent(stage, {
          name: 'broken',
          run: 'echo "said once"; exit 7',
          spec: '  policy: {restart: {maxRestarts: 1, window: 10m}, backoff: {schedule: [0s], jitter: 0}}',
        }),
      );
      await eventually(
        () => session.ok('get agent broken -o jsonpath={.status.phase}'),
        (phase) => phase === 'Failed',
      );
      expect(await session.ok('logs broken')).toBe('said once\nsaid once\n');
      expect(await session.ok('logs broken --previous')).toBe('said once\n');
    });
  });
}
