import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findEngines } from '../../src/daemon/drivers.ts';

const socketsAt =
  (...paths: string[]) =>
  (path: string): boolean =>
    paths.includes(path);

test.each([
  { title: 'none where no socket is found', environment: {}, sockets: [], found: [] },
  {
    title: "Docker's usual socket",
    environment: {},
    sockets: ['/var/run/docker.sock'],
    found: [{ name: 'docker', endpoint: 'unix:///var/run/docker.sock' }],
  },
  {
    title: 'the one that DOCKER_HOST names before it',
    environment: { DOCKER_HOST: 'unix:///own.sock' },
    sockets: ['/var/run/docker.sock', '/own.sock'],
    found: [{ name: 'docker', endpoint: 'unix:///own.sock' }],
  },
  {
    title: 'no DOCKER_HOST that is no socket',
    environment: { DOCKER_HOST: 'tcp://far:2376' },
    sockets: [],
    found: [],
  },
  {
    title: "a rootless Docker, and the user's own Podman before the system's",
    environment: { XDG_RUNTIME_DIR: '/run/user/7' },
    sockets: ['/run/user/7/docker.sock', '/run/podman/podman.sock', '/run/user/7/podman/podman.sock'],
    found: [
      { name: 'docker', endpoint: 'unix:///run/user/7/docker.sock' },
      { name: 'podman', endpoint: 'unix:///run/user/7/podman/podman.sock' },
    ],
  },
])('the first start finds $title', ({ environment, sockets, found }) => {
  expect(findEngines(environment, socketsAt(...sockets))).toEqual(found);
});

test('a socket is one that is there and is no file or folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'engines-'));
  const path = join(folder, 'docker.sock');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const docker = (at: string): string | undefined =>
    findEngines({ DOCKER_HOST: `unix://${at}` }).find(({ endpoint }) => endpoint === `unix://${at}`)?.name;
  expect(docker(path)).toBe('docker');
  expect(docker(folder)).toBeUndefined();
  server.close();
  rmSync(folder, { recursive: true });
});

test('a path that cannot be looked at is no engine, and no failure', () => {
  const tooLong = `/${'x'.repeat(300)}`; // as root, nothing is forbidden: another error stands in
  expect(() => findEngines({ DOCKER_HOST: `unix://${tooLong}` })).not.toThrow();
});
