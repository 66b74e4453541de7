import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lacks } from '../../needs.ts';
import { ready } from '../questions.ts';
import { agent, stages } from '../runtimes.ts';
import { eventually, type Session } from '../support.ts';

const has = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;
const perl = has('perl', '-MPOSIX', '-e', '1');

/** As the official Python SDK of ACP takes its standard output. */
const asyncio = `import asyncio, sys
async def main():
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    transport.write(b"up\\n")
    await asyncio.sleep(1000)
asyncio.run(main())
`;

/** Sets a title over its environment; then forks a helper in a session of its own, whose parent ends. */
const titled = (marker: string): string => `use POSIX;
$| = 1;
$0 = "${marker}: " . ("idle " x 400);
if (fork == 0) { POSIX::setsid(); if (fork == 0) { sleep 1000 while 1; } exit 0; }
wait;
print "up\\n";
sleep 1000 while 1;
`;

for (const stage of await stages()) {
  describe(`what runs on ${stage.name}`, () => {
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
    });
    afterAll(() => session.end());

    test('is not asked for liveness before it has been Ready', async () => {
      const spec = `  startDeadline: 120s
  policy: { backoff: { schedule: [1s], jitter: 0 } }
  readiness: { exec: { command: [test, -e, up] }, period: 1s, timeout: 20s }
  liveness: { exec: { command: [test, -e, up] }, period: 1s, timeout: 20s, failureThreshold: 2 }`;
      const run = 'rm -f up; sleep 8; touch up; exec sleep 1000';
      await session.apply(agent(stage, { name: 'slow', run, spec }));
      await ready(session, 'slow', 1, 60_000);
    });

    test.skipIf(stage.engine !== undefined || lacks('python3'))(
      'has a pipe as its standard output',
      async () => {
        const worker = session.file('piped.py', asyncio);
        await session.apply(agent(stage, { name: 'piped', run: `exec python3 -u ${worker}` }));
        await eventually(
          () => session.run(['logs', 'piped']),
          ({ stdout }) => stdout === 'up\n',
          60_000,
        );
        await ready(session, 'piped');
      },
    );

    test.skipIf(stage.engine !== undefined || !perl)(
      'has its environment in checks and leaves nothing, though it writes a title over it',
      async () => {
        const marker = `titled-${process.pid}`;
        const script = session.file('titled.pl', titled(marker));
        const check = 'test "$PORT" = 4711';
        const spec = `  startDeadline: 5m
  policy: { stop: { gracePeriod: 3s } }
  readiness: { exec: { command: [sh, -c, ${JSON.stringify(check)}] }, period: 1s, timeout: 20s }`;
        const template = '    env: [{ name: PORT, value: "4711" }]';
        await session.apply(agent(stage, { name: 'titled', run: `exec perl ${script}`, spec, template }));
        await ready(session, 'titled', 1, 60_000);
        expect(withTitle(marker)).toBe(2);
        await session.ok('delete agent titled --timeout=90s');
        expect(withTitle(marker)).toBe(0);
      },
    );
  });
}

/** How many processes have a command line that begins so. */
const withTitle = (marker: string): number =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(`${marker}:`);
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
        return false; // it ended meanwhile
      throw error;
    }
  }).length;
