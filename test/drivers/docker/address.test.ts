import { expect, test } from 'vitest';
import { addressOf, type ContainerInspect } from '../../../src/drivers/docker/docker-observe.ts';
import { connect } from '../../../src/drivers/docker/engine-connection.ts';
import { pullPolicyOf, splitImage } from '../../../src/drivers/docker/image-pulls.ts';
import { runSpec } from '../../contracts/spec.ts';

const container = (parts: {
  running?: boolean;
  mode?: string;
  ip?: string;
  ports?: ContainerInspect['NetworkSettings']['Ports'];
  networks?: ContainerInspect['NetworkSettings']['Networks'];
}): ContainerInspect => ({
  Id: 'c1',
  Name: 'c1',
  Image: 'i1',
  State: {
    Status: 'running',
    Running: parts.running ?? true,
    Paused: false,
    OOMKilled: false,
    ExitCode: 0,
    Error: '',
    StartedAt: '',
    FinishedAt: '',
  },
  Config: { Labels: {}, Env: [], WorkingDir: '' },
  HostConfig: { NetworkMode: parts.mode ?? 'bridge' },
  Mounts: [],
  NetworkSettings: {
    IPAddress: parts.ip ?? '',
    Ports: parts.ports ?? {},
    Networks: parts.networks ?? {},
  },
});

const local = { local: true, host: '127.0.0.1' };
const remote = { local: false, host: 'build.example' };
const published = { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '32768' }] };

test.each([
  ['its own address on a bridge', container({ ip: '172.17.0.2' }), local, '172.17.0.2:80'],
  [
    'its address in a named network',
    container({ networks: { lan: { IPAddress: '10.1.0.3' } } }),
    local,
    '10.1.0.3:80',
  ],
  ['the host’s network', container({ mode: 'host' }), local, '127.0.0.1:80'],
  [
    'a published port where the engine is elsewhere',
    container({ ip: '172.17.0.2', ports: published }),
    remote,
    'build.example:32768',
  ],
  ['a published port where it has no address', container({ ports: published }), local, '127.0.0.1:32768'],
  ['nothing where it is not published', container({ ip: '172.17.0.2' }), remote, undefined],
  ['nothing where it does not run', container({ running: false, ip: '172.17.0.2' }), local, undefined],
])('a port is reached by %s', (_, inspect, engine, expected) => {
  const address = addressOf(inspect, 80, engine);
  expect(address && `${address.host}:${address.port}`).toBe(expected);
});

test.each([
  ['app', 'app', 'latest', 'Always'],
  ['app:1', 'app', '1', 'IfNotPresent'],
  ['host:5000/app', 'host:5000/app', 'latest', 'Always'],
  ['host:5000/app:2', 'host:5000/app', '2', 'IfNotPresent'],
  ['app@sha256:abc', 'app', 'sha256:abc', 'IfNotPresent'],
])('the image %s', (image, repository, tag, policy) => {
  expect(splitImage(image)).toEqual({ repository, tag });
  expect(pullPolicyOf({ ...runSpec('s', 'a-0'), image, pullPolicy: undefined })).toBe(policy);
});

test.each([
  ['unix:///run/docker.sock', { local: true, host: '127.0.0.1' }],
  ['tcp://h:2375', { local: false, host: 'h' }],
  ['tcp://[::1]:2375', { local: false, host: '::1' }],
  ['ssh://me@h', { local: false, host: 'h' }],
])('the endpoint %s', (endpoint, expected) => {
  expect(connect(endpoint)).toMatchObject(expected);
});

test('an endpoint that nobody understands is refused with those that are', () => {
  expect(() => connect('http://h')).toThrow(/use unix:\/\/\//);
});
