import { beforeAll, describe, expect, test } from 'vitest';
import { seed } from './seed.ts';
import { golden, session, useShell } from './support.ts';

const noon = Date.parse('2026-01-31T12:00:00Z');

describe('what people see', () => {
  const shell = useShell({
    forecast: async () => [
      { at: noon + 25_000, what: 'Start', instance: 'web-0', message: 'The backoff of 30s ends.' },
      { at: noon + 60_000, what: 'Ready', instance: 'web-0', message: 'Run 4 has held for 1s.' },
    ],
    status: async () => ({
      pid: 4711,
      version: '0.1.0',
      startedAt: noon - 3_600_000,
      uptime: 3_600_000,
      store: { id: 'x', path: '/var/lib/agentctl/agentctl.db', revision: 42 },
      runtimes: [{ name: 'process', driver: 'process', ready: true, running: 1, queued: 0 }],
      agents: { total: 2, ready: 1 },
      instances: { Ready: 1, BackOff: 1, Failed: 0 },
    }),
    async *log(_instance, { previous }) {
      yield { stream: 'stdout', at: noon - 5000, text: previous === true ? 'hello from before' : 'hello' };
      yield { stream: 'stderr', at: noon - 4000, text: 'oh no' };
    },
  });
  beforeAll(() => seed(shell.server));

  const screens: Record<string, readonly (readonly string[])[]> = {
    get: [
      ['get', 'agents'],
      ['get', 'agents', '-o', 'wide'],
      ['get', 'ag', 'web', '-o', 'name'],
      ['get', 'agents,policies'],
      ['get', 'all', '-A'],
      ['get', 'agents', '--show-labels', '--no-headers'],
      ['get', 'agents', '--sort-by', '.status.phase'],
      ['get', 'agents', '-l', 'app=none'],
      ['get', 'runtimes'],
      ['get', 'instances', '-l', 'agentctl.dev/agent=web'],
      ['get', 'agent/web', '-o', 'jsonpath={.status.phase}{"\\n"}'],
      ['get', 'agents', '-o', 'custom-columns=NAME:.metadata.name,PHASE:.status.phase,NONE:.spec.user'],
      ['get', 'policy', 'slow', '-o', 'yaml'],
    ],
    'get-errors': [
      ['get'],
      ['get', 'agnets'],
      ['get', 'agents', 'web', 'nope', 'neither'],
      ['get', 'agents', 'nope', '--ignore-not-found'],
      ['get', 'agents', '--ouput', 'json'],
      ['get', 'agents', '-o', 'yml'],
      ['get', 'agent/web', 'policies'],
      ['get', 'agent', 'web', '-l', 'a=b'],
      ['aply', '-f', 'x.yaml'],
      ['apply', '-f', 'nowhere.yaml'],
      ['apply'],
      ['logs'],
      ['wait', 'agent/web'],
      ['wait', 'agent/web', '--for=ready'],
      ['scale', 'web', '--replicas=many'],
      ['delete', 'agents'],
    ],
    'describe-agent': [['describe', 'agent', 'web']],
    'describe-others': [
      ['describe', 'instance', 'web-0'],
      ['describe', 'policy', 'slow'],
      ['describe', 'runtime', 'process'],
      ['describe', 'secret', 'model'],
      ['describe', 'namespace', 'default'],
    ],
    agents: [
      ['events'],
      ['events', '--for', 'agent/web'],
      ['events', '--types=Warning', '-A', '--no-headers'],
      ['forecast', 'web'],
      ['logs', 'web', '--timestamps', '--prefix'],
      ['logs', 'instance/web-0', '--previous'],
      ['rollout', 'history', 'web'],
      ['rollout', 'status', 'web', '--watch=false'],
    ],
    controller: [['controller', 'status']],
    words: [
      ['api-resources'],
      ['explain', 'policy.spec.restart'],
      ['explain', 'agents.spec.template.env', '--recursive'],
      ['explain', 'agents.spec.tmplate'],
      ['help', 'exit-codes'],
    ],
  };
  test.each(Object.entries(screens))('%s', async (name, lines) => {
    const text = await session(shell, lines);
    expect(text).not.toMatch(/ +\n/); // no trailing spaces
    expect(text).not.toContain('sesame');
    await expect(text).toMatchFileSnapshot(golden(name));
  });
});
