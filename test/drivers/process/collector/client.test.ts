import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  collectorFifo,
  createCollectorClient,
  scanCommand,
} from '../../../../src/drivers/process/collector/collector-client.ts';
import { findTools } from '../../../../src/drivers/process/process-host.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import { ManualClock } from '../../../fakes/clock.ts';

test('a collector that is too busy to be told of a run is made to look for all, until it was told that', async () => {
  const root = mkdtempSync(join(tmpdir(), 'agentctl-client-'));
  const fifo = join(root, collectorFifo('1'));
  execFileSync('mkfifo', [fifo]);
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const bytes = Buffer.alloc(1024 * 1024);
  const told = (): string[] => bytes.toString('latin1', 0, readSync(reader, bytes)).split('\n');
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  const collector = { command: [], version: '1' };
  const client = createCollectorClient({ root, tools: findTools(), collector, clock, log: silentLog });
  await client.ensure();
  expect(told()).toEqual([scanCommand(root), '']);
  for (let run = 1; run <= 4000; run++) client.collect(join(root, 'default/agent-0/0a1b2c3d-1'), run);
  clock.advance(5000); // it is still busy
  const lines = told();
  expect(lines).not.toContain('open default/agent-0/0a1b2c3d-1 4000');
  clock.advance(1000);
  expect(told()).toEqual([scanCommand(root), '']);
  clock.advance(5000);
  expect(told()).toEqual(['', '']);
  client.close();
  closeSync(reader);
  rmSync(root, { recursive: true });
});
