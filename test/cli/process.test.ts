import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { isAlive } from '../../src/cli/background.ts';
import { quoted, unitText } from '../../src/cli/verbs/controller.ts';
import { golden } from './support.ts';

/** Each command is a process of its own, and a busy machine takes seconds for one. */
vi.setConfig({ testTimeout: 120_000 });

const main = join(import.meta.dirname, '../../src/cli/main.ts');
const state = mkdtempSync(join(tmpdir(), 'agentctl-process-'));
const environment = { PATH: process.env.PATH, HOME: state, AGENTCTL_STATE_DIR: state };

interface Ended {
  code: number;
  out: string;
  err: string;
}

function run(program: string, words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, words, { env: environment }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, err });
    });
  });
}
/** Whether a process with this word on its command line is there. */
const lives = async (word: string): Promise<boolean> =>
  (await run('pgrep', ['-f', `sleep ${word}`])).code === 0;

const agentctl = (...words: string[]): Promise<Ended> => run(process.execPath, [main, ...words]);

afterAll(async () => {
  await agentctl('controller', 'stop');
  rmSync(state, { recursive: true });
});

describe('without a controller', () => {
  test('a verb that reads ends with 3, says what starts one, and starts none', async () => {
    const { code, out, err } = await agentctl('get', 'agents');
    expect([code, out]).toEqual([3, '']);
    expect(err).toContain('agentctl controller start');
    expect(await agentctl('controller', 'status')).toMatchObject({ code: 3 });
  });
  test('a verb that writes obeys --no-start', async () => {
    expect(await agentctl('create', 'namespace', 'x', '--no-start')).toMatchObject({ code: 3 });
  });
  test('an error is one line, with --debug its place too', async () => {
    expect((await agentctl('get', 'agents')).err.trim().split('\n')).toHaveLength(1);
    expect((await agentctl('get', 'agents', '--debug')).err).toMatch(/\n {4}at /);
  });
  test('a fault of the program steers no terminal by what it quotes', async () => {
    const fault = join(state, 'fault.mjs');
    writeFileSync(
      fault,
      `setInterval(() => {
        if (process.listenerCount('uncaughtException') === 0) return;
        throw new Error('evil \\u001b[2J', { cause: new Error('\\u202e') });
      });`,
    );
    // It waits for its standard input, which stays open.
    const { code, err } = await run(process.execPath, ['--import', fault, main, 'send', 'web']);
    expect([code, err]).toEqual([1, expect.stringContaining('Error: evil \\u001b[2J\n')]);
    expect(err).toContain('caused by: Error: \\u202e\n');
  });
  test('a reader that has seen enough is no error', async () => {
    const pipe = `"${process.execPath}" "${main}" explain agent --recursive | head -1; exit \${PIPESTATUS[0]}`;
    expect(await run('bash', ['-c', pipe])).toMatchObject({ code: 0, err: '' });
  });
});

test('a controller is started once, looked after, and stopped', async () => {
  const first = await agentctl('create', 'namespace', 'lab');
  expect(first).toMatchObject({ code: 0, out: 'namespace/lab created\n' });
  const [, pid] = /Started the controller in the background \(pid (\d+)\)/.exec(first.err) ?? [];
  expect(await agentctl('create', 'namespace', 'field')).toMatchObject({ code: 0, err: '' });
  expect((await agentctl('controller', 'start')).out).toContain(`is already running: pid ${pid}`);
  const status = JSON.parse((await agentctl('controller', 'status', '-o', 'json')).out);
  expect(status).toMatchObject({
    running: true,
    pid: Number(pid),
    agents: { total: 0, ready: 0 },
    store: { path: join(state, 'agentctl.db') },
  });
  expect((await agentctl('version')).out).toMatch(/^Client Version: (\S+)\nServer Version: \1\n$/);
  expect((await agentctl('controller', 'logs', '--tail=5')).out).toContain('the controller is ready');
  expect(readFileSync(`/proc/${pid}/cwd/logs/controller.log`, 'utf8')).not.toBe(''); // its folder is the state folder
  expect((await agentctl('controller', 'restart')).out).toContain(`before ${pid}`);
  expect(await agentctl('controller', 'stop')).toMatchObject({ code: 0 });
  expect(await agentctl('controller', 'stop')).toMatchObject({
    code: 0,
    out: expect.stringMatching(
      /^the controller is not running\. .*To stop them: agentctl controller stop --agents/,
    ),
  });
  expect(await agentctl('controller', 'status', '-o', 'json')).toMatchObject({ code: 3 });
});

test('a restarted controller listens with TLS where it did, and one that is stopped tells how it would again', async () => {
  await agentctl('controller', 'start', '--listen', '0.0.0.0:0');
  const { tls } = JSON.parse((await agentctl('controller', 'status', '-o', 'json')).out);
  expect(tls.listen).toMatch(/^0\.0\.0\.0:[1-9]\d+$/);
  expect((await agentctl('controller', 'restart')).out).toMatch(`; it listens on ${tls.listen} as before\n`);
  const port = tls.listen.split(':')[1];
  expect((await agentctl('controller', 'status')).out).toMatch(
    new RegExp(`^Address: +https://127\\.0\\.0\\.1:${port}, listens on 0\\.0\\.0\\.0:${port}$`, 'm'),
  );
  expect((await agentctl('controller', 'stop')).out).toContain(`controller start --listen ${tls.listen}\n`);
});

test('commands that start a controller at once all get through, and one is started', async () => {
  const ended = await Promise.all(['a', 'b', 'c'].map((name) => agentctl('create', 'namespace', name)));
  expect(ended.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(ended.filter(({ err }) => err.includes('Started the controller'))).toHaveLength(1);
});

test('of two starts at once one starts it, and the other says that it runs already', async () => {
  await agentctl('controller', 'stop');
  const ended = await Promise.all([1, 2, 3].map(() => agentctl('controller', 'start')));
  expect(ended.map(({ code, err }) => [code, err])).toEqual([1, 2, 3].map(() => [0, '']));
  expect(ended.map(({ out }) => out.split(':')[0]).sort()).toEqual([
    'controller started',
    'the controller is already running',
    'the controller is already running',
  ]);
});

test('of two stops at once both end well', async () => {
  const ended = await Promise.all([1, 2].map(() => agentctl('controller', 'stop')));
  expect(ended.map(({ code, err }) => [code, err])).toEqual([1, 2].map(() => [0, '']));
});

describe('a controller whose socket is removed', () => {
  const socket = join(state, 'agentctl.sock');
  const pidOf = (text: string): string | undefined => /pid (\d+)/.exec(text)?.[1];

  test('is found by verbs, by status and by start', async () => {
    const pid = pidOf((await agentctl('controller', 'start')).out);
    rmSync(socket);
    expect(await agentctl('get', 'agents')).toMatchObject({ code: 0 });
    rmSync(socket);
    const status = await agentctl('controller', 'status');
    expect([status.code, pidOf(status.out)]).toEqual([0, pid]);
    rmSync(socket);
    expect(await agentctl('create', 'namespace', 'again')).toMatchObject({ code: 0, err: '' });
    rmSync(socket);
    const start = await agentctl('controller', 'start');
    expect([start.code, start.out]).toEqual([0, expect.stringContaining(`is already running: pid ${pid}`)]);
  });

  test('and cannot be made again: the texts name it and what to do', async () => {
    rmSync(socket);
    mkdirSync(socket);
    const { code, err } = await agentctl('controller', 'status');
    expect([code, err]).toEqual([3, expect.stringMatching(/is running \(pid \d+\), but does not answer/)]);
    expect(err).toContain('agentctl controller restart');
    rmSync(socket, { recursive: true });
    expect(await agentctl('get', 'agents')).toMatchObject({ code: 0 });
  });
});

test('agents whose controller was killed are stopped by stop --agents', async () => {
  const manifest = join(state, 'left.yaml');
  const command = '{command: [sleep, "7531"]}';
  const meta = 'apiVersion: agentctl.dev/v1\nkind: Agent\nmetadata: {name: left}\n';
  writeFileSync(manifest, `${meta}spec: {template: ${command}}\n`);
  expect(await agentctl('apply', '-f', manifest, '--wait')).toMatchObject({ code: 0 });
  const { out } = await agentctl('controller', 'status', '-o', 'json');
  process.kill(JSON.parse(out).pid, 'SIGKILL');
  expect(await lives('7531')).toBe(true);
  expect((await agentctl('controller', 'stop')).out).toContain(
    'To stop them: agentctl controller stop --agents',
  );
  const stopped = await agentctl('controller', 'stop', '--agents');
  expect([stopped.code, stopped.out]).toEqual([0, expect.stringContaining('all agents have ended\n')]);
  expect(stopped.err).toContain('The controller was not running. It was started');
  expect(await lives('7531')).toBe(false);
  await agentctl('delete', 'agent', 'left');
});

test('a command in an error has the flags that were given', async () => {
  const other = join(state, 'other');
  const { err, code } = await agentctl('get', 'agents', '--state-dir', other);
  expect([code, err]).toEqual([
    3,
    expect.stringContaining(`agentctl --state-dir ${other} controller start\n`),
  ]);
});

test('a controller whose state folder is removed ends, and another can be started', async () => {
  const other = mkdtempSync(join(tmpdir(), 'agentctl-gone-'));
  const start = await agentctl('controller', 'start', '--state-dir', other);
  const pid = Number(/pid (\d+)/.exec(start.out)?.[1]);
  rmSync(other, { recursive: true });
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 40_000, interval: 200 });
  expect(await agentctl('controller', 'start', '--state-dir', other)).toMatchObject({ code: 0 });
  expect(await agentctl('controller', 'stop', '--state-dir', other)).toMatchObject({ code: 0 });
  rmSync(other, { recursive: true });
});

test('a controller that cannot start says why, with the end of its log', async () => {
  await agentctl('controller', 'stop');
  const { code, err } = await agentctl('controller', 'start', '--listen', 'nowhere');
  expect(code).toBe(1);
  expect(err).toMatch(/could not be started: it ended with exit code 1.*\n.*error: .*nowhere/s);
  // What earlier controllers have logged is none of its reasons.
  expect(err).not.toContain('agents keep running');
});

test('a systemd unit keeps agents at its stop, and quotes what systemd would expand', () => {
  const text = unitText(['/opt/my node', '--x=100%', 'a"b$c\\d'], true);
  expect(text).toContain('ExecStart="/opt/my node" "--x=100%%" "a\\"b$$c\\\\d"\n');
  expect(text).toContain('KillMode=process\n');
  expect(text).toContain('Delegate=yes\n'); // so that the controller may make cgroups there
  expect(text).toContain('Restart=always\n');
  expect(text).toContain('WantedBy=multi-user.target\n');
  expect(unitText(['x'], false)).toContain('WantedBy=default.target\n');
  expect(quoted('plain')).toBe('"plain"');
});

test.skipIf(process.getuid?.() !== 0 || spawnSync('setpriv', ['--version']).status !== 0)(
  'under what the unit takes from it, a root controller starts an agent under another user',
  () => {
    const taken = /^CapabilityBoundingSet=~(.*)$/m.exec(unitText(['x'], true))?.[1] ?? '';
    const bounding = taken.toLowerCase().replaceAll('cap_', '-').replaceAll(' ', ',');
    const as = ['--reuid=65534', '--regid=65534', '--clear-groups', '--', 'id', '-u'];
    const words = ['--no-new-privs', `--bounding-set=${bounding}`, '--', 'setpriv', ...as];
    expect(spawnSync('setpriv', words, { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '65534\n' });
  },
);

describe.each([
  ['the system', 'system', true],
  ['a user', 'user', false],
])('the unit of %s', (_, name, system) => {
  const text = unitText(['/usr/bin/agentctl', 'serve'], system);

  test('says what it protects from whom', async () => {
    await expect(text).toMatchFileSnapshot(golden(`unit-${name}`));
  });

  test.skipIf(spawnSync('systemd-analyze', ['--version']).status !== 0)(
    'is one that systemd takes, word for word',
    () => {
      const file = join(state, 'agentctl.service');
      writeFileSync(file, unitText(['/bin/true'], system));
      const words = ['verify', ...(system ? [] : ['--user']), file];
      const env = { PATH: process.env.PATH, HOME: state, XDG_RUNTIME_DIR: state };
      const { status, stderr } = spawnSync('systemd-analyze', words, { encoding: 'utf8', env });
      expect([status, stderr]).toEqual([0, '']);
    },
  );
});
