import { describe, expect, test } from 'vitest';
import { createBody } from '../../../src/drivers/docker/container-body.ts';
import type { RunSpec } from '../../../src/drivers/driver.ts';
import { runSpec } from '../../contracts/spec.ts';

const docker = { podman: false, version: 'Docker 20.10', init: true };
const spec = { ...runSpec('s1', 'a-0'), image: 'app:1' };

describe('the body of a create', () => {
  test('gives away no right that was not asked for', () => {
    expect(createBody(spec, [], docker)).toMatchObject({
      HostConfig: {
        CapDrop: ['ALL'],
        CapAdd: [],
        SecurityOpt: ['no-new-privileges'],
        Privileged: false,
        RestartPolicy: { Name: 'no' },
        LogConfig: { Type: 'local', Config: { 'max-size': '10485760', 'max-file': '3' } },
        NetworkMode: 'bridge',
        Init: true,
      },
    });
  });

  test('keeps as much of the output as the spec says', () => {
    const logs = { maxSize: 100_000, maxFiles: 7 };
    expect(createBody({ ...spec, logs }, [], docker)).toMatchObject({
      HostConfig: { LogConfig: { Type: 'local', Config: { 'max-size': '100000', 'max-file': '7' } } },
    });
    expect(createBody({ ...spec, logs }, [], { ...docker, podman: true })).toMatchObject({
      HostConfig: { LogConfig: { Type: 'k8s-file', Config: { 'max-size': '100000' } } },
    });
  });

  test('opens the input of an agent that talks, or asks for it, and of no other', () => {
    const opens = (rest: Partial<RunSpec>) => createBody({ ...spec, ...rest }, [], docker);
    expect(opens({})).toMatchObject({ OpenStdin: false });
    expect(opens({ stdin: true })).toMatchObject({ OpenStdin: true });
    expect(opens({ talks: true })).toMatchObject({ OpenStdin: true });
  });

  test('leaves the image its own command, unless one is given', () => {
    expect(createBody(spec, [], docker)).not.toHaveProperty('Entrypoint');
    expect(createBody(spec, [], docker)).not.toHaveProperty('Cmd');
    expect(createBody({ ...spec, command: ['a'], args: ['b'] }, [], docker)).toMatchObject({
      Entrypoint: ['a'],
      Cmd: ['b'],
    });
  });

  test('has no secret in a label: only who it is', () => {
    const body = createBody({ ...spec, env: { TOKEN: 'secret' } }, [], docker);
    expect(body).toMatchObject({
      Env: ['TOKEN=secret'],
      Labels: {
        'agentctl.dev/store': 's1',
        'agentctl.dev/namespace': 'default',
        'agentctl.dev/agent': 'a',
        'agentctl.dev/instance': 'a-0',
        'agentctl.dev/instance-uid': 'uid-a-0',
        'agentctl.dev/ordinal': '0',
        'agentctl.dev/run': '1',
        'agentctl.dev/revision': 'r1',
        'agentctl.dev/controller-version': '1.2.3',
      },
    });
  });

  test('holds limits in the engine’s units', () => {
    const limits = { cpu: 0.5, memory: 64 * 1024 * 1024, pids: 20 };
    expect(createBody({ ...spec, limits }, [], docker)).toMatchObject({
      HostConfig: { NanoCpus: 500_000_000, Memory: 67_108_864, MemorySwap: 67_108_864, PidsLimit: 20 },
    });
  });

  test('asks for shares and a soft limit as the kubelet does', () => {
    expect(
      createBody({ ...spec, requests: { cpu: 0.5, memory: 64 * 1024 * 1024 } }, [], docker),
    ).toMatchObject({
      HostConfig: { CpuShares: 512, MemoryReservation: 67_108_864 },
    });
    expect(createBody({ ...spec, requests: { cpu: 0.001 } }, [], docker)).toMatchObject({
      HostConfig: { CpuShares: 2 },
    });
  });

  test('binds a port twice where that was asked for, and lets the engine choose where it was not', () => {
    const port = { containerPort: 80, hostIP: '127.0.0.1', protocol: 'TCP' as const };
    const network = { mode: 'Bridge' as const, ports: [port, { ...port, hostPort: 8080 }] };
    expect(createBody({ ...spec, network }, [], docker)).toMatchObject({
      ExposedPorts: { '80/tcp': {} },
      HostConfig: {
        PortBindings: {
          '80/tcp': [
            { HostIp: '127.0.0.1', HostPort: '' },
            { HostIp: '127.0.0.1', HostPort: '8080' },
          ],
        },
      },
    });
  });
});

test('a signal for the group is sent on by the init, and a real-time signal is told by its number', () => {
  const spec = runSpec('store', 'web-0');
  const stop = { signal: 'SIGRTMIN+3', scope: 'Group', gracePeriodMs: 1000 } as const;
  expect(createBody({ ...spec, stop }, [], { podman: false, init: true })).toMatchObject({
    StopSignal: '37',
    Env: expect.arrayContaining(['TINI_KILL_PROCESS_GROUP=1']),
  });
});
