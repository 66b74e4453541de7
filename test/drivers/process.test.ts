import { readdirSync } from 'node:fs';
import { appendFile, chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { namesIn, runFolder } from '../../src/drivers/process/layout.ts';
import {
  ended,
  eventually,
  isRunning,
  openDriver,
  pidsOf,
  printed,
  processesWith,
  refusal,
  specOf,
  textOf,
  withRun,
} from './process/harness.ts';

describe('what a process finds', () => {
  test('its environment is the given one and a few sane values, nothing of ours', async () => {
    const { driver } = await openDriver();
    process.env.OF_THE_CONTROLLER = 'secret';
    const spec = specOf('', { command: ['/usr/bin/env'], env: { GREETING: "it's\n two lines $HOME" } });
    const { ref } = await driver.create(spec);
    await ended(driver, ref);
    expect((await textOf(driver, ref)).toSorted()).toEqual(
      [
        'AGENTCTL_RUN=1',
        `AGENTCTL_INSTANCE_UID=${spec.identity.uid}`,
        "GREETING=it's",
        ' two lines $HOME',
        `HOME=${userInfo().homedir}`,
        'LANG=C.UTF-8',
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ].toSorted(),
    );
  });

  test('it leads a session and a group of its own, with default signals, umask 022 and no other files open', async () => {
    const { driver } = await openDriver();
    const { ref } = await driver.create(
      specOf('umask; ls /proc/$$/fd; grep -E "^Sig(Ign|Blk)" /proc/self/status; pwd; sleep 600'),
    );
    await printed(driver, ref, join(ref, 'work'));
    const { main } = await pidsOf(ref);
    const fields = (await readFile(`/proc/${main}/stat`, 'utf8')).split(' ');
    expect(fields.slice(4, 6)).toEqual([`${main}`, `${main}`]);
    const lines = await textOf(driver, ref);
    // Signals from 32 on are the C library's own: what a parent made of them cannot be undone by a shell.
    const ignored = Number.parseInt(lines.find((line) => line.startsWith('SigIgn:'))?.slice(-8) ?? '', 16);
    expect(ignored & 0x7fffffff).toBe(0);
    expect(lines.filter((line) => !line.startsWith('SigIgn:'))).toEqual([
      '0022',
      '0',
      '1',
      '2',
      'SigBlk:\t0000000000000000',
      join(ref, 'work'),
    ]);
  });

  test('it has the limit of open files that is given for agents', async () => {
    const { driver } = await openDriver({ agentFiles: 321 });
    const { ref } = await driver.create(specOf('ulimit -S -n'));
    await ended(driver, ref);
    expect(await textOf(driver, ref)).toEqual(['321']);
  });

  test('its standard input neither ends nor blocks the start', async () => {
    const { driver } = await openDriver();
    const { ref } = await driver.create(specOf('echo up; cat; echo over'));
    await printed(driver, ref, 'up');
    await appendFile(join(ref, 'in'), 'a line\n');
    await printed(driver, ref, 'a line');
    expect(await textOf(driver, ref)).not.toContain('over');
  });

  test('arguments reach it as they are', async () => {
    const { driver } = await openDriver();
    const args = ['', '-n', "a'b", '$HOME `id` "x"', 'two\nlines', 'ä€'];
    const command = ['/bin/sh', '-c', 'for each; do echo "[$each]"; done', 'sh'];
    const { ref } = await driver.create(specOf('', { command, args }));
    await ended(driver, ref);
    expect((await textOf(driver, ref)).join('\n')).toBe(args.map((each) => `[${each}]`).join('\n'));
  });

  test('no secret stands on disk', async () => {
    const { driver, stateDir } = await openDriver();
    await driver.create(specOf('sleep 600', { env: { TOKEN: 'very-secret' } }));
    const files = readdirSync(stateDir, { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
    expect(files.length).toBeGreaterThan(3);
    for (const file of files)
      expect(await readFile(join(file.parentPath, file.name), 'utf8')).not.toContain('very-secret');
  });

  test('its folder is closed to others', async () => {
    const { driver } = await openDriver();
    const { ref } = await driver.create(specOf('sleep 600'));
    expect((await stat(ref)).mode & 0o777).toBe(0o700);
  });
});

describe('a start that cannot be', () => {
  const cases = [
    ['a command that is in no folder of PATH', { command: ['no-such-program'] }, 'CommandNotFound', 'PATH'],
    ['a folder as command', { command: ['/usr'] }, 'CommandNotFound', 'is not executable'],
    ['a working folder that is missing', { workingDir: '/no/such' }, 'WorkingDirMissing', '/no/such'],
    ['a user that is missing', { user: 'nobody-like-this' }, 'UserMissing', 'nobody-like-this'],
    [
      'a file outside of the working folder',
      { files: [{ path: '../x', content: Buffer.from(''), mode: 0o600 }] },
      'InvalidSpec',
      '../x',
    ],
    ['a variable that a shell drops', { env: { 'a.b': '1' } }, 'InvalidSpec', 'a.b'],
    ['a NUL byte', { env: { A: 'a\0b' } }, 'InvalidSpec', 'NUL'],
    ['a variable that is too long', { env: { A: 'a'.repeat(140_000) } }, 'InvalidSpec', '128 KiB'],
  ] as const;
  test.each(cases)('%s is refused and leaves nothing behind', async (_name, rest, reason, text) => {
    const { driver, stateDir } = await openDriver();
    const error = await refusal(driver.create(specOf('sleep 600', rest)));
    expect(error).toMatchObject({ code: reason, message: expect.stringContaining(text) });
    expect(await driver.list()).toEqual([]);
    expect(namesIn(join(stateDir, 'instances/default')) ?? []).toEqual([]);
  });

  test('a script whose interpreter is missing is refused by the name of that', async () => {
    const { driver, stateDir } = await openDriver();
    const script = join(stateDir, 'script');
    await writeFile(script, '#!/no/such/python\n');
    await chmod(script, 0o755);
    const error = await refusal(driver.create(specOf('', { command: [script] })));
    expect(error).toMatchObject({
      code: 'CommandNotFound',
      message: expect.stringContaining('/no/such/python'),
    });
  });

  test('of a restart leaves the earlier run as it was', async () => {
    const { driver } = await openDriver();
    const spec = specOf('exit 3');
    const { ref } = await driver.create(spec);
    const before = await ended(driver, ref);
    await refusal(driver.restart(ref, { ...withRun(spec, 2), command: ['no-such-program'] }));
    expect(await driver.inspect(ref)).toEqual(before);
    expect(await driver.restart(ref, withRun(spec, 2))).toMatchObject({ run: 2 });
  });

  test("another store's instance of that name is left alone", async () => {
    const { driver, stateDir } = await openDriver();
    const { driver: other } = await openDriver({ stateDir, storeId: 'other' });
    const spec = specOf('sleep 600');
    const theirs = await other.create({ ...spec, identity: { ...spec.identity, store: 'other' } });
    expect(await refusal(driver.create(withRun(spec, 2)))).toMatchObject({ code: 'NameTaken' });
    expect(await other.inspect(theirs.ref)).toEqual(theirs);
  });
});

describe('a run', () => {
  test('is started once, however often it is asked for', async () => {
    const { driver } = await openDriver();
    const spec = specOf('echo started; sleep 600');
    const first = await driver.create(spec);
    const { driver: second } = await openDriver({ stateDir: join(first.ref, '../../../..') });
    expect(await driver.create(spec)).toEqual(first);
    expect(await second.create(spec)).toEqual(first);
    expect(await second.restart(first.ref, spec)).toEqual(first);
    await printed(driver, first.ref, 'started');
    expect(await textOf(driver, first.ref)).toEqual(['started']);
  });

  test('is started once by two controllers at the same moment', async () => {
    const { driver, stateDir } = await openDriver();
    const { driver: other } = await openDriver({ stateDir });
    await Promise.all([driver.list(), other.list()]);
    const spec = specOf('echo started; sleep 600');
    const [one, two] = await Promise.all([driver.create(spec), other.create(spec)]);
    expect(one).toEqual(two);
    await printed(driver, one.ref, 'started');
    expect(await textOf(driver, one.ref)).toEqual(['started']);
  });

  test('that an earlier restart began is found by a create', async () => {
    const { driver } = await openDriver();
    const spec = specOf('sleep 600');
    const { ref } = await driver.create(spec);
    await driver.kill(ref);
    const again = await driver.restart(ref, withRun(spec, 2));
    expect(await driver.create(withRun(spec, 2))).toEqual(again);
  });

  test('does not begin while the one before it runs', async () => {
    const { driver } = await openDriver();
    const spec = specOf('sleep 600');
    const { ref } = await driver.create(spec);
    expect(await refusal(driver.restart(ref, withRun(spec, 2)))).toMatchObject({ code: 'StillRunning' });
  });

  test('that comes after a later one is refused', async () => {
    const { driver } = await openDriver();
    const spec = specOf('exit 1');
    const { ref } = await driver.create(spec);
    await ended(driver, ref);
    await driver.restart(ref, withRun(spec, 3));
    expect(await refusal(driver.restart(ref, withRun(spec, 2)))).toMatchObject({ code: 'Superseded' });
  });

  test('begins only once what the one before it left behind is dead', async () => {
    const { driver } = await openDriver();
    const marker = `sleep 6${process.pid}1`;
    const spec = specOf(`setsid ${marker} & exit 1`);
    const { ref } = await driver.create(spec);
    await ended(driver, ref);
    await driver.restart(ref, { ...withRun(spec, 2), command: ['sleep', '600'] });
    expect(processesWith(marker)).toEqual([]);
  });

  test('takes what it left behind with it when it ends', async () => {
    const { driver } = await openDriver();
    const marker = `sleep 6${process.pid}2`;
    const { ref } = await driver.create(specOf(`setsid ${marker} & sleep 0.01; exit 1`));
    await ended(driver, ref);
    await eventually(() => expect(processesWith(marker)).toEqual([]));
  });

  test('keeps the output of the last five', async () => {
    const { driver } = await openDriver();
    const spec = specOf('echo $AGENTCTL_RUN');
    const { ref } = await driver.create(spec);
    for (let run = 2; run <= 8; run++) {
      await ended(driver, ref);
      await driver.restart(ref, withRun(spec, run));
    }
    await ended(driver, ref);
    expect(await textOf(driver, ref)).toEqual(['4', '5', '6', '7', '8']);
  });
});

describe('the end of a run', () => {
  test('by a signal is told with its name', async () => {
    const { driver } = await openDriver();
    const { ref } = await driver.create(specOf('echo up; exec sleep 600'));
    await printed(driver, ref, 'up');
    await driver.signal(ref, 'SIGINT');
    expect((await ended(driver, ref)).exit).toMatchObject({ code: 130, signal: 'SIGINT', cause: 'Agent' });
  });

  test('by a real-time signal is told with its name', async () => {
    const { driver } = await openDriver();
    const { ref } = await driver.create(specOf('echo up; exec sleep 600'));
    await printed(driver, ref, 'up');
    await driver.signal(ref, 'RTMIN+3');
    expect((await ended(driver, ref)).exit).toMatchObject({ code: 165, signal: 'SIGRTMIN+3' });
  });

  test('a signal reaches the main process alone, and its group where that is asked for', async () => {
    const { driver } = await openDriver();
    const marker = `sleep 6${process.pid}7`;
    const { ref } = await driver.create(
      specOf(`${marker} & trap 'echo got' TERM; echo up; while :; do wait; done`),
    );
    await printed(driver, ref, 'up');
    await driver.signal(ref, 'TERM', 'Main');
    await printed(driver, ref, 'got');
    expect(processesWith(marker)).toHaveLength(1);
    await driver.signal(ref, 'TERM', 'Group');
    await eventually(() => expect(processesWith(marker)).toEqual([]));
  });

  test('a signal that does not exist is refused', async () => {
    const { driver } = await openDriver();
    const { ref } = await driver.create(specOf('sleep 600'));
    expect(await refusal(driver.signal(ref, 'SIGNONE'))).toMatchObject({ kind: 'Terminal' });
  });

  test('is known though the shim was killed', async () => {
    const { driver } = await openDriver();
    const hints: (string | undefined)[] = [];
    const stop = new AbortController();
    const watching = driver.watch((ref) => hints.push(ref), stop.signal);
    const { ref } = await driver.create(specOf('sleep 600'));
    const { shim, main } = await pidsOf(ref);
    process.kill(shim, 'SIGKILL');
    await eventually(() => expect(isRunning(shim)).toBe(false));
    expect(await driver.inspect(ref)).toMatchObject({ state: 'Running' });
    hints.length = 0;
    process.kill(main, 'SIGKILL');
    await eventually(() => expect(hints).toContain(ref));
    const observed = await ended(driver, ref);
    expect(observed.exit).toMatchObject({
      code: 137,
      cause: 'Agent',
      message: expect.stringContaining('unknown'),
    });
    expect(await driver.inspect(ref)).toEqual(observed);
    stop.abort();
    await watching;
  });

  test('by a start of the host is the Runtime’s, and stays as it was first told', async () => {
    const { driver, stateDir } = await openDriver();
    const { ref, startId } = await driver.create(specOf('sleep 600'));
    await driver.close();
    const { driver: later } = await openDriver({ stateDir, bootId: 'another-boot' });
    const [observed] = await later.list();
    expect(observed).toMatchObject({ ref, startId, state: 'Exited', exit: { cause: 'Runtime' } });
    expect(await later.list()).toEqual([observed]);
    // Not what the pid of an earlier boot may name now.
    const { main } = await pidsOf(ref);
    await later.signal(ref, 'SIGKILL');
    expect(isRunning(main)).toBe(true);
    process.kill(main, 'SIGKILL');
  });

  test('is seen through a pid that is another’s now', async () => {
    const { driver, stateDir } = await openDriver();
    const { ref } = await driver.create(specOf('sleep 600'));
    const { shim, main } = await pidsOf(ref);
    process.kill(shim, 'SIGKILL');
    process.kill(main, 'SIGKILL');
    await eventually(() => expect([shim, main].filter(isRunning)).toEqual([]));
    const folder = runFolder(ref, 1);
    for (const name of readdirSync(folder).filter((each) => /^(pid|shim|exit)\./.test(each)))
      await rm(join(folder, name));
    // The pid of this very test, with a start time that is not its own.
    await writeFile(join(folder, `pid.${process.pid}.1`), '');
    await writeFile(join(folder, `shim.${process.pid}.1`), '');
    const { driver: later } = await openDriver({ stateDir });
    expect(await later.inspect(ref)).toMatchObject({ state: 'Exited', exit: { code: 137 } });
    await later.kill(ref);
  });

  test('a kill ends a fork bomb of moderate size', async () => {
    const { driver } = await openDriver();
    const marker = `sleep 6${process.pid}3`;
    const bomb = `for i in 1 2 3 4 5 6 7 8; do (while :; do setsid ${marker} & sleep 0.02; done) & done; wait`;
    const { ref } = await driver.create(specOf(bomb));
    await eventually(() => expect(processesWith(marker).length).toBeGreaterThan(20));
    await driver.kill(ref);
    expect(processesWith(marker)).toEqual([]);
    expect((await ended(driver, ref)).exit).toMatchObject({ code: 137 });
  });

  test('a kill finds one that fled and cleared its environment, by descent', async () => {
    const { driver } = await openDriver();
    const marker = `sleep 6${process.pid}4`;
    const { ref } = await driver.create(specOf(`setsid env -i ${marker} & wait`));
    await eventually(() => expect(processesWith(marker)).toHaveLength(1));
    await driver.kill(ref);
    expect(processesWith(marker)).toEqual([]);
  });
});

describe('files', () => {
  test('are written with their mode, and again before each start', async () => {
    const { driver } = await openDriver();
    const file = { path: 'conf/token', content: Buffer.from('one'), mode: 0o400 };
    const spec = specOf('cat conf/token', { files: [file] });
    const { ref } = await driver.create(spec);
    await ended(driver, ref);
    expect((await stat(join(ref, 'work/conf/token'))).mode & 0o777).toBe(0o400);
    await driver.restart(ref, { ...withRun(spec, 2), files: [{ ...file, content: Buffer.from('two') }] });
    await ended(driver, ref);
    expect(await textOf(driver, ref)).toEqual(['one', 'two']);
  });

  test('are not written through a link that the agent laid', async () => {
    const { driver } = await openDriver();
    const outside = await mkdtemp(join(tmpdir(), 'agentctl-outside-'));
    const spec = specOf(`rm -r conf; ln -s ${outside} conf`, {
      files: [{ path: 'conf/token', content: Buffer.from('one'), mode: 0o400 }],
    });
    const { ref } = await driver.create(spec);
    await ended(driver, ref);
    expect(await refusal(driver.restart(ref, withRun(spec, 2)))).toMatchObject({ code: 'InvalidSpec' });
    expect(readdirSync(outside)).toEqual([]);
    await rm(outside, { recursive: true });
  });
});
