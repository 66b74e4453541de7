import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import type { Agent } from '../../src/api/objects.ts';
import { LocalClient } from '../../src/client/local.ts';
import { Recorder } from '../../src/client/recorder.ts';
import { housekeeping } from '../../src/daemon/housekeeping.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog as log } from '../../src/platform/log.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { ManualClock } from '../fakes/clock.ts';

/** The file has its size after some 12: the log is moved into it in steps of 2,000 pages. */
const minutes = 32;
/** Agents that are made, fail and go, a minute. */
const churn = 10;
const mostEvents = 300;

/** What a fleet leaves behind that churns: Agents that come and go, the writes of their status, and their Events. */
test('a fleet that churns for long keeps the store at one size', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-churn-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'agentctl.db');
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const store = openStore(path, { log });
  const registry = await createRegistry({ store, clock, ids: randomIds, log });
  const client = new LocalClient(registry, 'test');
  const recorder = new Recorder(client, clock, randomIds, log);
  let expired = Promise.withResolvers<void>();
  let compacted = Promise.withResolvers<void>();
  const compact = async (until: number): Promise<void> => {
    await store.compact(until);
    compacted.resolve();
  };
  const journal = { tidy: async () => {} };
  const expireEvents = async (now: number): Promise<void> => {
    await registry.expireEvents(now, mostEvents);
    expired.resolve();
  };
  const kept = { revision: () => store.revision(), compact, expireEvents };
  onTestFinished(housekeeping({ store: kept, registry: kept, journal, clock, log }));

  const reader = new DatabaseSync(path, { readOnly: true });
  const count = (table: string): number =>
    Number(reader.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.count);
  const rows: number[] = [];
  const bytes: number[] = [];
  for (let minute = 0; minute < minutes; minute += 1) {
    await Promise.all(Array.from({ length: churn }, (_, at) => comeAndGo(`m${minute}-${at}`)));
    expired = Promise.withResolvers();
    compacted = Promise.withResolvers();
    clock.advance(60_000);
    await Promise.all([expired.promise, compacted.promise]);
    rows.push(count('current') + count('revisions'));
    bytes.push(statSync(path).size + statSync(`${path}-wal`).size);
    expect((await client.list('Event')).items.length).toBeLessThanOrEqual(mostEvents);
  }
  reader.close();
  await store.close();
  const half = minutes / 2;
  expect(Math.max(...rows.slice(half))).toBeLessThan(Math.max(...rows.slice(0, half)) * 1.1);
  expect(Math.max(...bytes.slice(half))).toBeLessThan(Math.max(...bytes.slice(0, half)) * 1.1);

  async function comeAndGo(name: string): Promise<void> {
    const spec = { template: { command: ['false'] } };
    const metadata = { name, namespace: 'default' };
    let agent: Agent = await client.create('Agent', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Agent',
      metadata,
      spec,
    } as never); // the registry fills in what is missing
    for (let run = 1; run <= 15; run += 1) {
      recorder.recordEvent(agent, {
        type: 'Warning',
        reason: `Exited${run % 3}`,
        message: `Run ${run} ended.`,
      });
      if (run % 5 !== 0) continue;
      const status = { ...agent.status, observedGeneration: run };
      agent = await client.update('Agent', { ...agent, status }, { subresource: 'status' });
    }
    await recorder.flush();
    await client.delete('Agent', metadata);
  }
});
