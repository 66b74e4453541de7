import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createDockerDriver, type DockerDriver } from '../../src/drivers/docker.ts';
import { DriverError, type RunSpec } from '../../src/drivers/driver.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { runSpec } from '../contracts/spec.ts';
import { type TestEngine, withEngine } from '../engines/engine.ts';
import { buildStopSignalImage, buildTestImage, stopSignalImage, testImage } from '../engines/image.ts';

for (const name of ['docker', 'podman'] as const) {
  await withEngine(name, (engine) => suite(name, engine));
}

function suite(name: string, engine: TestEngine): void {
  describe(`what a spec asks of ${name}`, { timeout: 60_000 }, () => {
    const store = `spec-${process.pid}`;
    const folder = mkdtempSync(join(tmpdir(), 'agentctl-spec-'));
    const secretsDir = mkdtempSync('/dev/shm/agentctl-test-');
    const allowed = join(folder, 'allowed');
    let driver: DockerDriver;
    let made = 0;

    beforeAll(async () => {
      await buildTestImage(engine);
      mkdirSync(allowed);
      driver = createDockerDriver({
        endpoint: engine.endpoint,
        storeId: store,
        secretsDir,
        allowHostPaths: async () => [allowed],
        log: silentLog,
        clock: systemClock,
      });
    }, 120_000);

    afterEach(async () => {
      for (const { ref } of await driver.list()) await driver.remove(ref, { volumes: true });
    });

    afterAll(async () => {
      await driver.close();
      for (const path of [folder, secretsDir]) rmSync(path, { recursive: true, force: true });
    });

    /** The exit codes say which signal came. */
    const traps =
      'trap "exit 3" QUIT; trap "exit 5" TERM; trap "exit 7" INT; echo up; while :; do sleep 0.05; done';
    const stopped = async (image: string, signal: string | undefined, by: 'driver' | 'engine') => {
      const ref = await create({
        image,
        command: ['sh', '-c', traps],
        stop: { signal, gracePeriodMs: 5_000 },
      });
      await vi.waitFor(async () => {
        const { text } = await engine.call('GET', `/containers/${ref}/logs?stdout=1`);
        expect(text).toContain('up');
      });
      if (by === 'driver') await driver.signal(ref, signal);
      else await engine.call('POST', `/containers/${ref}/stop`);
      return vi.waitFor(async () => {
        const code = (await driver.inspect(ref))?.exit?.code;
        expect(code).toBeDefined();
        return code;
      });
    };

    test.each(['driver', 'engine'] as const)(
      'a stop by the %s sends the signal that is named, else the image’s, else SIGTERM',
      async (by) => {
        await buildStopSignalImage(engine);
        expect(await stopped(stopSignalImage, 'SIGINT', by)).toBe(7);
        expect(await stopped(stopSignalImage, undefined, by)).toBe(3);
        expect(await stopped(testImage, undefined, by)).toBe(5);
      },
    );

    test.each([
      ['a command of the spec', testImage, ['sleep', '600']],
      ['the image’s own command', stopSignalImage, undefined],
    ])('a plain program ends on SIGTERM and its orphans are reaped: %s', async (_, image, command) => {
      await buildStopSignalImage(engine);
      const ref = await create({ image, ...(command === undefined ? { command: undefined } : { command }) });
      const run = (script: string) => driver.exec(ref, ['sh', '-c', script], { timeout: 40_000 });
      await run('(sleep 0.01 &)');
      await vi.waitFor(async () => {
        const { output } = await run('cat /proc/[0-9]*/stat');
        expect(output).toContain('(sleep) S');
        expect(output).not.toContain('(sleep) Z');
      });
      await driver.signal(ref, 'SIGTERM');
      await vi.waitFor(async () => expect((await driver.inspect(ref))?.exit?.code).toBe(143));
    });

    const create = async (rest: Partial<RunSpec>): Promise<string> => {
      made += 1;
      const { ref } = await driver.create({
        ...runSpec(store, `spec${process.pid}-${made}`),
        image: testImage,
        command: ['sleep', '600'],
        ...rest,
      });
      return ref;
    };

    const inside = async (ref: string, script: string): Promise<string> => {
      const { output } = await driver.exec(ref, ['sh', '-c', script], { timeout: 40_000 });
      return output.trim();
    };

    const reason = async (rest: Partial<RunSpec>): Promise<string> => {
      const error: unknown = await create(rest).catch((cause: unknown) => cause);
      if (!(error instanceof DriverError)) throw new Error(`not refused: ${String(error)}`);
      return error.code;
    };

    const capabilities = 'grep -E "^(CapEff|NoNewPrivs)" /proc/1/status | tr -s "\\t\\n" " "';

    test('the program has no capability and can gain none', async () => {
      const ref = await create({});
      expect(await inside(ref, capabilities)).toBe('CapEff: 0000000000000000 NoNewPrivs: 1');
    });

    test('capabilities that are asked for are there', async () => {
      const ref = await create({
        security: { capabilities: ['NET_BIND_SERVICE'], allowPrivilegeEscalation: true, privileged: false },
      });
      expect(await inside(ref, capabilities)).toBe('CapEff: 0000000000000400 NoNewPrivs: 0');
    });

    test('the program runs as the user', async () => {
      const ref = await create({ user: '1234:5678' });
      expect(await inside(ref, 'id -u; id -g')).toBe('1234\n5678');
    });

    test('the root file system can be read only, and a tmpfs be written', async () => {
      const ref = await create({
        readOnlyRootFilesystem: true,
        mounts: [{ type: 'Tmpfs', mountPath: '/scratch', readOnly: false, sizeBytes: 1024 * 1024 }],
      });
      const code = 'touch /x 2>/dev/null; echo $?; touch /scratch/x; echo $?; df -k /scratch | tail -1';
      expect(await inside(ref, code)).toMatch(/^1\n0\n\S+\s+1024 /);
    });

    test('limits reach the engine', async () => {
      const ref = await create({ limits: { cpu: 0.5, memory: 64 * 1024 * 1024, pids: 50 } });
      const { text } = await engine.call('GET', `/containers/${ref}/json`);
      expect(JSON.parse(text).HostConfig).toMatchObject({ Memory: 64 * 1024 * 1024, PidsLimit: 50 });
    });

    test('a file can be read by the user that it is for, and stands in memory with nobody else to see it', async () => {
      const path = '/run/secrets/token';
      const ref = await create({
        user: '1234:5678',
        files: [{ path, content: Buffer.from('s3cret'), mode: 0o400 }],
        mounts: [
          {
            type: 'Files',
            mountPath: '/etc/settings',
            readOnly: true,
            files: [{ path: 'a.conf', content: Buffer.from('a'), mode: 0o444 }],
          },
        ],
      });
      expect(await inside(ref, `cat ${path}; echo; stat -c %a ${path}; cat /etc/settings/a.conf`)).toBe(
        's3cret\n400\na',
      );
      const { text } = await engine.call('GET', `/containers/${ref}/json`);
      expect(text).not.toContain('s3cret');
      const [storeFolder = ''] = readdirSync(secretsDir);
      expect(statSync(join(secretsDir, storeFolder)).mode & 0o777).toBe(0o700);
      await driver.remove(ref, { volumes: false });
      expect(
        readdirSync(secretsDir, { recursive: true, withFileTypes: true }).filter((f) => f.isFile()),
      ).toEqual([]);
    });

    test('files of a container that somebody removed go with the next list', async () => {
      const ref = await create({ files: [{ path: '/t', content: Buffer.from('s3cret'), mode: 0o400 }] });
      await engine.call('DELETE', `/containers/${ref}?force=true`);
      await driver.list();
      expect(
        readdirSync(secretsDir, { recursive: true, withFileTypes: true }).filter((f) => f.isFile()),
      ).toEqual([]);
    });

    test('an allowed path of the host is mounted, and a link that leads out of it is refused', async () => {
      writeFileSync(join(allowed, 'note'), 'hello');
      symlinkSync('/etc', join(allowed, 'out'));
      const mount = { type: 'Host', mountPath: '/data', readOnly: true } as const;
      const ref = await create({ mounts: [{ ...mount, path: allowed }] });
      expect(await inside(ref, 'cat /data/note; touch /data/x 2>/dev/null; echo $?')).toBe('hello1');
      expect(await reason({ mounts: [{ ...mount, path: join(allowed, 'out') }] })).toBe('MountNotAllowed');
      expect(await reason({ mounts: [{ ...mount, path: join(allowed, 'none') }] })).toBe('MountMissing');
      expect(existsSync(join(allowed, 'none'))).toBe(false);
    });

    test('a command is looked for on the path of the image, and must be a program', async () => {
      expect(await reason({ command: ['no-such-command'] })).toBe('CommandNotFound');
      expect(await reason({ command: ['/etc'] })).toBe('CommandNotFound');
      expect(await reason({ command: ['./bin/sleep', '1'], workingDir: '/nowhere' })).toBe('CommandNotFound');
      await create({ command: ['./sleep', '600'], workingDir: '/bin' });
    });

    test('a port that is taken is told, and one that the engine chooses can be found', async () => {
      const port = { containerPort: 80, hostIP: '127.0.0.1', protocol: 'TCP' } as const;
      const hostPort = 20_000 + (process.pid % 10_000);
      await create({ network: { mode: 'Bridge', ports: [{ ...port, hostPort }] } });
      expect(await reason({ network: { mode: 'Bridge', ports: [{ ...port, hostPort }] } })).toBe('PortTaken');
    });

    test('without a network there is no address, on the host’s it is the host’s', async () => {
      const none = await create({ network: { mode: 'None', ports: [] } });
      expect(await driver.address(none, 80)).toBeUndefined();
      const host = await create({ network: { mode: 'Host', ports: [] } });
      expect(await driver.address(host, 80)).toEqual({ host: '127.0.0.1', port: 80 });
    });

    test('a user that the image does not have is a fault of the spec', async () => {
      expect(await reason({ user: 'nobody-of-this-name' })).toBe('InvalidSpec');
    });

    test('an image that cannot be pulled is told, with what to do', async () => {
      const image = 'registry.invalid/app:1';
      expect(await reason({ image, pullPolicy: 'IfNotPresent' })).toBe('ImagePull');
    });

    test('an image that may be loaded by hand is looked for before its next pull', async () => {
      const refusal = (pullPolicy: RunSpec['pullPolicy']): Promise<unknown> =>
        create({ image: 'registry.invalid/app:2', pullPolicy }).catch((error: unknown) => error);
      const later = expect.any(Number);
      expect(await refusal('Always')).toMatchObject({ code: 'ImagePull', retry: { at: later } });
      expect(await refusal('IfNotPresent')).toMatchObject({ code: 'ImagePull', retry: 'Backoff' });
    });
  });
}
