import { expect, test } from 'vitest';
import { syncView } from '../../src/views/sync-view.ts';
import { noon, syncOf } from './objects.ts';

const git = {
  url: 'https://git.example/fleet',
  secretRef: { name: 'login' },
  verify: { secretRef: { name: 'signers' } },
  webhook: { secretRef: { name: 'hook' } },
};

test('a Sync says which of its Secrets are missing, and whether a host can reach its webhook', () => {
  const sync = syncOf({ source: { git } });
  const needs = { secrets: new Set(['login', 'hook']), listens: false };
  expect(syncView(sync, needs)).toMatchObject({
    secrets: {
      credentials: { name: 'login', isMissing: false },
      signers: { name: 'signers', isMissing: true },
      webhook: { name: 'hook', isMissing: false },
    },
    isDeaf: true,
  });
  expect(syncView(sync, { ...needs, listens: true }).isDeaf).toBe(false);
});

test('a Sync of a folder needs no Secret, and listens to nobody', () => {
  const view = syncView(syncOf({ source: { directory: { path: '/fleet' } } }), {
    secrets: new Set(),
    listens: false,
  });
  expect(view).toMatchObject({
    secrets: {},
    isDeaf: false,
    namespace: 'default',
    inventory: [],
    failures: 0,
  });
  expect(view.applied).toBeUndefined();
});

test.each([
  ['not the applied one', { revision: 'b', at: noon }, { revision: 'b', at: noon }],
  ['the applied one', { revision: 'a', at: noon }, undefined],
])('the revision that was tried last is told if it is %s', (_, attempted, tried) => {
  const sync = syncOf({ source: { git }, targetNamespace: 'builds' }, { revision: 'a', attempted });
  const view = syncView(sync, { secrets: new Set(), listens: true });
  expect(view.tried).toEqual(tried);
  expect(view).toMatchObject({ applied: { revision: 'a' }, namespace: 'builds' });
});
