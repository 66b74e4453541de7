import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SegmentReader } from '../../../../src/drivers/process/collector/segment-reader.ts';
import { writtenLog } from '../written-log.ts';

test('what one reader returns stays the same while another one reads', async () => {
  const root = mkdtempSync(join(tmpdir(), 'agentctl-reader-'));
  const logs = ['one', 'another'].map((name) => {
    const log = writtenLog(join(root, name));
    return { name, log, reader: new SegmentReader(join(root, name), { segment: 1, offset: 0 }) };
  });
  // The first read of a log, which may be long, goes another way.
  for (const { log, reader } of logs) {
    log.write('before\n');
    await reader.next();
  }
  const pieces: (Buffer | undefined)[] = [];
  for (const { name, log, reader } of logs) {
    log.write(`from ${name}\n`);
    pieces.push((await reader.next())?.bytes);
  }
  expect(pieces.map((piece) => piece?.toString())).toEqual([
    expect.stringMatching(/ from one\n$/),
    expect.stringMatching(/ from another\n$/),
  ]);
  for (const { log, reader } of logs) {
    await reader.close();
    log.close();
  }
  rmSync(root, { recursive: true });
});
