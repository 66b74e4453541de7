import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunSpec } from '../../../src/drivers/driver.ts';
import { readEnvironment } from '../../../src/drivers/proc.ts';
import type { ProcessDriver } from '../../../src/drivers/process.ts';
import {
  ended,
  eventually,
  isRunning,
  openDriver,
  pidsOf,
  refusal,
  specOf,
  textOf,
  withRun,
} from './harness.ts';

const nobody = 65534;

/** What the loader of each program writes there says by its owner who ran it: no program of root may do so. */
const traced = (folder: string): Record<string, string> => ({
  LD_DEBUG: 'files',
  LD_DEBUG_OUTPUT: join(folder, 'trace'),
});

const tracesOf = (folder: string): { uid: number; text: string }[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith('trace.'))
    .map((name) => ({
      uid: lstatSync(join(folder, name)).uid,
      text: readFileSync(join(folder, name), 'utf8'),
    }));

describe.skipIf(process.getuid?.() !== 0)(
  'an agent with a user of its own, under a controller that runs as root',
  () => {
    let folder: string;
    let driver: ProcessDriver;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'agentctl-user-'));
      chmodSync(folder, 0o777);
      ({ driver } = await openDriver());
    });
    afterEach(() => rm(folder, { recursive: true, force: true }));

    const specAs = (script: string, rest: Partial<RunSpec> = {}): RunSpec =>
      specOf(script, { user: 'nobody', workingDir: folder, ...rest });

    const run = async (spec: RunSpec): Promise<string[]> => {
      const { ref } = await driver.create(spec);
      await ended(driver, ref);
      return textOf(driver, ref);
    };

    test('has the groups and the home of that user', async () => {
      expect(await run(specOf('id; echo $HOME', { user: 'daemon', workingDir: folder }))).toEqual([
        'uid=1(daemon) gid=1(daemon) groups=1(daemon)',
        '/usr/sbin',
      ]);
    });

    test('has no group of the host where its number is in no passwd file', async () => {
      expect(await run(specOf('id', { user: '10001', workingDir: folder }))).toEqual([
        'uid=10001 gid=10001 groups=10001',
      ]);
    });

    test.each(['4294967295', '4294967296', 'nobody:4294967295'])(
      'does not start as %s, which the kernel would take for another number',
      async (user) => {
        const error = await refusal(driver.create(specOf('id', { user, workingDir: folder })));
        expect(error).toMatchObject({ kind: 'NotStartable', code: 'UserMissing' });
      },
    );

    test('gains no rights by setuid programs', async () => {
      const lines = await run(specAs('grep NoNewPrivs /proc/self/status'));
      expect(lines).toEqual(['NoNewPrivs:\t1']);
    });

    test('ends before the controller when memory runs out', async () => {
      const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
      const [line = ''] = await run(specAs('cat /proc/self/oom_score_adj'));
      expect(Number(line)).toBeGreaterThan(own);
    });

    test('has its environment, working folder and umask, and finds its input', async () => {
      const env = { ONE: "it's\n$two", EMPTY: '', LONG: 'x'.repeat(100_000) };
      const { ref } = await driver.create(
        specAs('read -r line; echo "$line|$PWD|$(umask)|$ONE|$EMPTY|$(printf %s "$LONG" | wc -c)"', { env }),
      );
      writeFileSync(join(ref, 'in'), 'hello\n');
      await ended(driver, ref);
      expect(await textOf(driver, ref)).toEqual([`hello|${folder}|0022|it's`, '$two||100000']);
    });

    test('has only its own files open', async () => {
      const lines = await run(specAs('ls -l /proc/self/fd'));
      const open = lines
        .map((line) => /(\d+) -> (.*)/.exec(line)?.slice(1))
        .filter((each) => each !== undefined);
      expect(open.map(([number]) => number)).toEqual(['0', '1', '2', '3']);
      expect(open[3]?.[1]).toMatch(/^\/proc\/\d+\/fd$/); // of ls itself
    });

    test('starts with no program of root that has its environment', async () => {
      const { ref } = await driver.create(specAs('exec sleep 600', { env: traced(folder) }));
      const { main } = await pidsOf(ref);
      await eventually(() => expect(readFileSync(`/proc/${main}/comm`, 'utf8')).toBe('sleep\n'));
      const traces = tracesOf(folder);
      expect(traces.length).toBeGreaterThan(0);
      expect(traces.map(({ uid }) => uid)).toEqual(traces.map(() => nobody));
    });

    test('is probed with no program of root that has its environment', async () => {
      const env = { ...traced(folder), PROOF: '1' };
      const { ref } = await driver.create(specAs('exec env PROOF=2 sleep 600', { env }));
      const { main } = await pidsOf(ref);
      await eventually(() => expect(readEnvironment(main)).toMatchObject({ PROOF: '2' }));
      const { code, output } = await driver.exec(ref, ['/bin/sh', '-c', 'id -u; pwd; echo $PROOF'], {
        timeout: 40_000,
      });
      expect({ code, output }).toEqual({ code: 0, output: `${nobody}\n${folder}\n1\n` });
      const traces = tracesOf(folder);
      expect(traces.length).toBeGreaterThan(0);
      expect(traces.map(({ uid }) => uid)).toEqual(traces.map(() => nobody));
    });

    test('is probed without waiting where the probe reads its input', async () => {
      const { ref } = await driver.create(specAs('exec sleep 600'));
      expect(await driver.exec(ref, ['cat'], { timeout: 40_000 })).toEqual({ code: 0, output: '' });
    });

    test.each(['a folder of root', 'a folder above it that is closed'])(
      'does not start in %s that it may not enter',
      async (which) => {
        mkdirSync(join(folder, 'closed/below'), { recursive: true });
        chmodSync(join(folder, 'closed'), 0o700);
        const workingDir = join(folder, which === 'a folder of root' ? 'closed' : 'closed/below');
        const error = await refusal(driver.create(specAs('id', { workingDir })));
        expect(error).toMatchObject({ kind: 'NotStartable', code: 'WorkingDirMissing' });
        expect(error.message).toContain(join(folder, 'closed'));
      },
    );

    test('cannot reach the state folder of another without being told which folder is closed', async () => {
      const { driver, stateDir } = await openDriver();
      const error = await refusal(driver.create(specOf('id', { user: 'daemon' })));
      expect(error).toMatchObject({
        code: 'WorkingDirMissing',
        message: expect.stringContaining(stateDir),
      });
    });

    describe('its files', () => {
      const file = (path: string, mode = 0o400) => ({ path, content: Buffer.from([0, 255, 10, 39]), mode });

      test('are its own, with their content and mode', async () => {
        const lines = await run(
          specAs('stat -c "%U %a %s" conf/token tool; od -An -tu1 conf/token', {
            files: [file('conf/token'), file('tool', 0o755)],
          }),
        );
        expect(lines).toEqual(['nobody 400 4', 'nobody 755 4', '   0 255  10  39']);
      });

      test('replace those of an earlier run', async () => {
        const spec = specAs('cat token', {
          files: [{ path: 'token', content: Buffer.from('one\n'), mode: 0o400 }],
        });
        const { ref } = await driver.create(spec);
        await ended(driver, ref);
        const files = [{ path: 'token', content: Buffer.from('two\n'), mode: 0o400 }];
        await driver.restart(ref, withRun({ ...spec, files }, 2));
        await ended(driver, ref);
        expect(await textOf(driver, ref)).toEqual(['one', 'two']);
        expect(readdirSync(folder)).toEqual(['token']);
      });

      test('are not written where only root may write', async () => {
        const closed = join(folder, 'of-root');
        mkdirSync(closed, { mode: 0o755 });
        const error = await refusal(
          driver.create(specAs('id', { workingDir: closed, files: [file('cron.d/job')] })),
        );
        expect(error).toMatchObject({ kind: 'NotStartable', code: 'FilesNotWritable' });
        expect(error.message).toContain('cron.d/job');
        expect(error.message).toContain('Permission denied');
        expect(readdirSync(closed)).toEqual([]);
      });

      test('are not written through a link that the agent laid', async () => {
        const outside = join(folder, 'outside');
        mkdirSync(outside);
        chownSync(outside, nobody, nobody);
        const inside = join(folder, 'inside');
        mkdirSync(inside);
        chownSync(inside, nobody, nobody);
        symlinkSync(outside, join(inside, 'conf'));
        const error = await refusal(
          driver.create(specAs('id', { workingDir: inside, files: [file('conf/token')] })),
        );
        expect(error).toMatchObject({ kind: 'Terminal', code: 'InvalidSpec' });
        expect(readdirSync(outside)).toEqual([]);
      });

      test('that end in a link replace the link', async () => {
        const secret = join(folder, 'secret');
        writeFileSync(secret, 'of root', { mode: 0o600 });
        const inside = join(folder, 'inside');
        mkdirSync(inside);
        chownSync(inside, nobody, nobody);
        symlinkSync(secret, join(inside, 'token'));
        await run(specAs('true', { workingDir: inside, files: [file('token')] }));
        expect(readFileSync(secret, 'utf8')).toBe('of root');
        expect(lstatSync(secret).uid).toBe(0);
        expect(lstatSync(join(inside, 'token')).isFile()).toBe(true);
      });
    });

    test('cannot lead the removal of its folder out of it by links that it swaps in meanwhile', async () => {
      const { stateDir } = await openDriver({ stateDir: await mkdtemp(join(folder, 'state-')) });
      chmodSync(stateDir, 0o711);
      const { driver: own } = await openDriver({ stateDir });
      const outside = join(folder, 'outside');
      mkdirSync(outside);
      for (let round = 0; round < 20; round++) {
        writeFileSync(join(outside, 'kept'), '');
        const { ref } = await own.create(specOf('exec sleep 600', { user: 'nobody' }));
        const swap = `cd ${join(ref, 'work')} && mkdir -p d && touch d/kept && ln -sfn ${outside} l && echo ready && while :; do mv -T d x; mv -T l d; mv -T d l; mv -T x d; done`;
        const swapping = spawn('setpriv', [`--reuid=${nobody}`, '--clear-groups', 'sh', '-c', swap], {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        const over = new Promise((resolve) => swapping.once('close', resolve));
        await new Promise((resolve) => swapping.stdout.once('data', resolve));
        await own.remove(ref, { volumes: true });
        swapping.kill('SIGKILL');
        await over;
        expect(existsSync(join(outside, 'kept'))).toBe(true);
        expect(existsSync(ref)).toBe(false);
      }
    });

    test('is ended by a kill too', async () => {
      const { ref } = await driver.create(specAs('sleep 600'));
      const { main } = await pidsOf(ref);
      await eventually(() => expect(readEnvironment(main)).toMatchObject({ AGENTCTL_RUN: '1' }));
      await driver.kill(ref);
      expect(isRunning(main)).toBe(false);
    });

    test('leaves no trace of its environment in what all users may read', async () => {
      const env = { TOKEN: 'only-for-the-agent' };
      const { ref } = await driver.create(specAs('exec sleep 600', { env }));
      const { main } = await pidsOf(ref);
      await eventually(() => expect(readEnvironment(main)).toMatchObject(env));
      const listed = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
      expect(listed).not.toContain(env.TOKEN);
    });
  },
);
