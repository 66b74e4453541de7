import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { partFromOriginal } from '../../src/daemon/state-guard.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { Store } from '../../src/store/store.ts';

test('the instance folders of the original are put aside, also where a backup is copied over once more', async () => {
  const state = mkdtempSync(join(tmpdir(), 'agentctl-copy-'));
  onTestFinished(() => rmSync(state, { recursive: true, force: true }));
  // What it asks of a store that is a copy, without Instances.
  const store = {
    copyOf: 'original-id',
    list: async () => ({ rows: [] }),
    settleCopy: () => {},
  } as unknown as Store;
  for (const name of ['first', 'second']) {
    mkdirSync(join(state, 'instances'));
    writeFileSync(join(state, 'instances', name), '');
    await partFromOriginal(store, state, silentLog);
    expect(existsSync(join(state, 'instances'))).toBe(false);
  }
  expect(readdirSync(state).toSorted()).toEqual(['instances.of-original', 'instances.of-original-2']);
});
