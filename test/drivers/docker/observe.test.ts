import { expect, test } from 'vitest';
import { type ContainerInspect, observed } from '../../../src/drivers/docker/docker-observe.ts';

const never = '0001-01-01T00:00:00Z';
const [begin, end] = ['2026-03-02T10:00:00Z', '2026-03-02T11:00:00Z'];

const container = (Status: string, FinishedAt: string): ContainerInspect => ({
  Id: 'c1',
  Name: 'a',
  Image: 'sha256:1',
  State: {
    Status,
    Running: false,
    Paused: false,
    OOMKilled: false,
    ExitCode: 0,
    Error: '',
    StartedAt: begin,
    FinishedAt,
  },
  Config: { Labels: { 'agentctl.dev/store': 's1' }, Env: null, WorkingDir: '' },
  HostConfig: {},
  Mounts: null,
  NetworkSettings: { Ports: null, Networks: null },
});

test.each([
  ['running', never, 'Running'],
  ['stopping', never, 'Running'],
  ['paused', never, 'Paused'],
  ['created', never, 'Created'],
  ['exited', end, 'Exited'],
  ['stopped', end, 'Exited'],
  ['dead', end, 'Exited'],
  // That an engine cannot tell the state is no end.
  ['unknown', never, 'Running'],
  ['unknown', end, 'Exited'],
  ['', never, 'Running'],
])('a container that is "%s" and ended at %s is %s', (status, finishedAt, state) => {
  expect(observed(container(status, finishedAt), 's1', 'Agent')?.state).toBe(state);
});
