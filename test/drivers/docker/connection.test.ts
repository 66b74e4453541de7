import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Tls } from '../../../src/drivers/docker/engine-connection.ts';
import { createDockerDriver } from '../../../src/drivers/docker.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';

const version = { Version: '20.10.24', Components: [{ Name: 'Engine', Version: '20.10.24' }] };

/** As much of an engine as a ping needs. */
const answer: RequestListener = (request, response) =>
  response.end(request.url === '/version' ? JSON.stringify(version) : 'OK');

const certificate = async () =>
  generate([{ name: 'commonName', value: '127.0.0.1' }], {
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });

describe('an engine is reached', () => {
  let folder: string;
  let server: Server | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'agentctl-connection-'));
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    server?.close();
    server?.closeAllConnections();
    server = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  const listen = async (made: Server, where: { path: string } | { port: number }): Promise<number> => {
    server = made;
    await new Promise<void>((resolve) =>
      made.listen('path' in where ? where : { ...where, host: '127.0.0.1' }, resolve),
    );
    const address = made.address();
    return typeof address === 'object' && address !== null ? (address satisfies AddressInfo).port : 0;
  };

  const ping = async (endpoint: string, tls?: Tls): Promise<string> => {
    const driver = createDockerDriver({
      endpoint,
      tls,
      storeId: 's1',
      secretsDir: folder,
      log: silentLog,
      clock: systemClock,
    });
    try {
      return (await driver.ping()).version;
    } finally {
      await driver.close();
    }
  };

  test('by its socket', async () => {
    const path = join(folder, 'engine.sock');
    await listen(createServer(answer), { path });
    expect(await ping(`unix://${path}`)).toBe('Docker 20.10.24');
  });

  test('by TCP, whatever DOCKER_HOST and its companions say', async () => {
    const port = await listen(createServer(answer), { port: 0 });
    vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:1');
    vi.stubEnv('DOCKER_TLS_VERIFY', '1');
    vi.stubEnv('DOCKER_CERT_PATH', join(folder, 'none'));
    expect(await ping(`tcp://127.0.0.1:${port}`)).toBe('Docker 20.10.24');
    expect(process.env.DOCKER_HOST).toBe('tcp://127.0.0.1:1');
  });

  test('by TLS with a certificate of its own, and by none without one', async () => {
    const { private: key, cert } = await certificate();
    const options = { key, cert, ca: cert, requestCert: true, rejectUnauthorized: true };
    const port = await listen(createTlsServer(options, answer), { port: 0 });
    expect(await ping(`tcp://127.0.0.1:${port}`, { ca: cert, cert, key })).toBe('Docker 20.10.24');
    await expect(ping(`tcp://127.0.0.1:${port}`)).rejects.toMatchObject({ kind: 'Offline' });
    const other = await certificate();
    const stranger = { ca: cert, cert: other.cert, key: other.private };
    await expect(ping(`tcp://127.0.0.1:${port}`, stranger)).rejects.toMatchObject({ kind: 'Offline' });
  });

  test('by the system’s ssh, which is given the user, the host and the port', async () => {
    const path = join(folder, 'engine.sock');
    await listen(createServer(answer), { path });
    const said = join(folder, 'arguments');
    const relay = `#!/bin/sh
echo "$@" >>'${said}'
exec '${process.execPath}' -e '
const socket = require("node:net").connect(${JSON.stringify(path)});
process.stdin.pipe(socket).pipe(process.stdout);
'
`;
    writeFileSync(join(folder, 'ssh'), relay);
    chmodSync(join(folder, 'ssh'), 0o755);
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    expect(await ping('ssh://me@build.example:2222')).toBe('Docker 20.10.24');
    expect(readFileSync(said, 'utf8')).toMatch(/-p 2222 -- me@build\.example docker system dial-stdio/);
  });

  test('not by ssh where that fails, with its own words', async () => {
    writeFileSync(join(folder, 'ssh'), '#!/bin/sh\necho "Host key verification failed." >&2\nexit 255\n');
    chmodSync(join(folder, 'ssh'), 0o755);
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    await expect(ping('ssh://build.example')).rejects.toMatchObject({
      kind: 'Offline',
      message: expect.stringContaining('ssh://build.example'),
    });
  });

  test('not where nothing listens, and the way out is told', async () => {
    await expect(ping(`unix://${folder}/none.sock`)).rejects.toMatchObject({
      kind: 'Offline',
      message: expect.stringMatching(/none\.sock.*ENOENT.*start the engine/),
    });
  });
});
