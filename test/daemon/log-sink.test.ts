import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LogSink } from '../../src/daemon/log-file.ts';
import { ManualClock } from '../fakes/clock.ts';
import { lacks } from '../needs.ts';

describe.skipIf(lacks('mount'))('a log on a disk that is full', () => {
  test('goes on by itself when there is room, and says how many lines were dropped', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'agentctl-sink-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
    const path = join(folder, 'controller.log');
    const fd = openSync(path, 'a');
    try {
      const clock = new ManualClock('2026-11-30T00:00:00Z');
      const sink = new LogSink(fd, clock);
      sink.write('before\n');
      expect(() => writeFileSync(join(folder, 'filler'), Buffer.alloc(8 * 1024 * 1024))).toThrow('ENOSPC');
      const lines = Array.from({ length: 3000 }, (_, n) => `line ${n} ${'x'.repeat(1000)}`);
      for (const line of lines) sink.write(`${line}\n`);
      rmSync(join(folder, 'filler'));
      clock.advance(1000);
      const written = readFileSync(path, 'utf8').split('\n').slice(0, -1);
      const told = written.findIndex((line) => line.startsWith('{'));
      const dropped = Number(/(\d+) earlier lines/.exec(written[told] ?? '')?.[1]);
      expect(dropped).toBeGreaterThan(1000);
      expect(written[0]).toBe('before');
      // What fitted before the disk was full, and the newest.
      const kept = [...written.slice(1, told), ...written.slice(told + 1)];
      expect(kept.length).toBe(lines.length - dropped);
      expect(kept.slice(-500)).toEqual(lines.slice(-500));
      expect(kept.every((line) => lines.includes(line))).toBe(true);
    } finally {
      closeSync(fd);
      execFileSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true });
    }
  });
});
