import { afterEach, describe, expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import { createHttpClient } from '../../src/client/http.ts';
import type { SyncDiff } from '../../src/client/streams.ts';
import type { Role } from '../../src/server/access.ts';
import { ensureCertificate, ensureTokens } from '../../src/server/remote.ts';
import { type Running, run } from './support.ts';

let api: Running;
afterEach(() => api.end());

const key = { namespace: 'team', name: 'fleet' };
const nothing: SyncDiff = { revision: 'c0ffee', errors: [], changes: [], needsApproval: false };

test('what the next revision would change is handed through', async () => {
  const asked: unknown[] = [];
  const diff: SyncDiff = {
    ...nothing,
    reference: 'refs/heads/main',
    applied: 'facade',
    errors: ['agents.yaml:3:5: spec.replica: unknown field'],
    changes: [
      {
        kind: 'Agent',
        namespace: 'team',
        name: 'web',
        change: 'Configured',
        fields: [{ path: 'spec.replicas', before: 1, after: 2, update: 'live' }],
      },
      { kind: 'Policy', namespace: 'team', name: 'old', change: 'Kept', fields: [], why: 'prune is false' },
    ],
    needsApproval: true,
  };
  api = await run({
    streams: {
      async diffSync(sync, options) {
        asked.push([sync, options]);
        return diff;
      },
    },
  });
  expect(await api.client.diffSync(key)).toEqual(diff);
  await api.client.diffSync(key, { force: true });
  expect(asked).toEqual([
    [key, { force: false }],
    [key, { force: true }],
  ]);
});

test.each([
  ['NotFound', 'syncs.agentctl.dev "fleet" not found'],
  ['ServiceUnavailable', 'the source does not answer: no such host git.example.com'],
] as const)('%s reaches the client in its own words', async (reason, message) => {
  api = await run({
    streams: {
      async diffSync() {
        throw new ApiError(reason, message);
      },
    },
  });
  await expect(api.client.diffSync(key)).rejects.toMatchObject({ code: reason, message });
});

describe('over TCP', () => {
  test.each<[Role, string | undefined]>([
    ['admin', undefined],
    ['edit', undefined],
    ['view', 'Forbidden'],
  ])('%s asks: %s', async (role, refused) => {
    let looks = 0;
    const streams = {
      async diffSync() {
        looks++;
        return nothing;
      },
    };
    api = await run({ listen: '127.0.0.1:0', streams });
    const { ca } = await ensureCertificate(`${api.folder}/server`, '127.0.0.1', api.clock);
    const token = (await ensureTokens(`${api.folder}/server`)).find((known) => known.role === role)?.token;
    const client = createHttpClient({ url: api.server.tls?.address ?? '', ca, token });
    const reason = await client.diffSync(key).then(
      () => undefined,
      (error) => error.code,
    );
    client.close();
    expect(reason).toBe(refused);
    expect(looks).toBe(refused === undefined ? 1 : 0);
  });
});
