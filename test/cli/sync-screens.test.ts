import { beforeAll, describe, expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import type { ControllerStatus } from '../../src/client/streams.ts';
import { golden, session, useShell } from './support.ts';
import { diffs, seedSyncs } from './sync-seed.ts';

const controller: ControllerStatus = {
  pid: 7,
  version: '1.0.0',
  startedAt: 0,
  uptime: 0,
  store: { id: 's', path: '/s', revision: 1 },
  runtimes: [],
  agents: { total: 0, ready: 0 },
  instances: {},
};

describe('what people see of syncs', () => {
  const shell = useShell({
    status: async () => controller,
    diffSync: async ({ name }) => {
      const found = diffs[name];
      if (found !== undefined) return found;
      throw new ApiError('ServiceUnavailable', 'no such host: git.example.com');
    },
  });
  beforeAll(() => seedSyncs(shell.server));

  const screens: Record<string, readonly (readonly string[])[]> = {
    'sync-get': [
      ['get', 'syncs'],
      ['get', 'syncs', '-o', 'wide'],
      ['get', 'all'],
      ['explain', 'sync.spec.source.git.verify'],
    ],
    'sync-describe': [
      ['describe', 'sync', 'fleet'],
      ['describe', 'sync', 'broken'],
      ['describe', 'sync', 'held'],
      ['describe', 'sync', 'local'],
      ['describe', 'agent', 'web-01'],
      ['describe', 'configmap', 'left'],
    ],
    'sync-diff': [
      ['diff', '--sync', 'fleet'],
      ['diff', '--sync', 'sync/fleet', '-o', 'json'],
      ['diff', '--sync', 'same'],
      ['diff', '--sync', 'moved'],
      ['diff', '--sync', 'kept'],
      ['diff', '--sync', 'broken'],
      ['diff', '--sync', 'gone'],
      ['diff', '--sync', 'fleet', '-f', 'x.yaml'],
      ['diff', '--sync', 'agent/web'],
      ['diff', 'sync', 'fleet'],
      ['diff', 'sync/fleet'],
      ['validate', 'agents.yaml'],
    ],
    'sync-errors': [
      ['sync'],
      ['sync', 'agent/web-01'],
      ['sync', 'nope', '--no-wait'],
      ['sync', 'syncs'],
      ['suspend', 'policy/slow'],
      ['resume', 'secret/x'],
      ['approve'],
      ['deny'],
      ['approve', 'sync/fleet'],
      ['approve', 'sync', 'fleet'],
      ['approve', 'sync/nope'],
      ['approve', 'agent/web-01'],
      ['approve', 'runtime/nope'],
      ['deny', 'sync/held'],
      ['deny', 'runtime/docker'],
      ['wait', 'sync/fleet', '--for=revision=main'],
      ['wait', 'sync/fleet', '--for=revision=3f1c2a'],
      ['wait', 'sync/fleet', '--for=revision='],
      ['wait', 'agent/web-01', '--for=revision=3f1c2a90'],
    ],
  };
  test.each(Object.entries(screens))('%s', async (name, lines) => {
    const text = await session(shell, lines);
    expect(text).not.toMatch(/ +\n/); // no trailing spaces
    await expect(text).toMatchFileSnapshot(golden(name));
  });

  test('a webhook that the Git host can reach is told without a warning', async () => {
    const listening = { address: 'https://127.0.0.1:7443', listen: '0.0.0.0:7443' };
    expect((await shell.run(['describe', 'sync', 'fleet'])).out).toContain('does not listen on an address');
    controller.tls = listening;
    const { out } = await shell.run(['describe', 'sync', 'fleet']).finally(() => delete controller.tls);
    expect(out).toContain('POST /webhooks/syncs/default/fleet');
    expect(out).not.toContain('does not listen on an address');
  });
});
