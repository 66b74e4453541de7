import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import {
  encodeRecords,
  gapRecord,
  SegmentWriter,
  type Stream,
} from '../../../src/drivers/process/collector/log-segments.ts';
import { systemClock } from '../../../src/platform/clock.ts';

/** The log of one run, written by a test in the collector's place. */
export interface WrittenLog {
  /** At `second` where that is given. As one read of the pipe brings it: a text without a newline at its end is a piece. */
  write(text: string | Buffer, how?: { stream?: Stream; second?: number }): void;
  gap(): void;
  drained(): void;
  close(): void;
}

export function writtenLog(folder: string, limits: { maxSize?: number; maxFiles?: number } = {}): WrittenLog {
  if (!existsSync(folder)) mkdirSync(folder);
  const { maxSize = 10 * 1024 * 1024, maxFiles = 3 } = limits;
  const writer = new SegmentWriter(folder, { maxSize, maxFiles, keepAll: true }, systemClock);
  return {
    write(text, { stream = 'stdout', second } = {}) {
      const time = second === undefined ? Date.now() : second * 1000;
      const bytes = Buffer.from(text);
      for (let from = 0; from < bytes.length; from += 64 * 1024)
        writer.append(encodeRecords(time, stream, bytes.subarray(from, from + 64 * 1024)));
      writer.flush();
    },
    gap() {
      writer.append(gapRecord(Date.now()));
      writer.flush();
    },
    drained: () => writeFileSync(`${folder}/drained`, ''),
    close: () => writer.close(),
  };
}

export const damage = (folder: string, segment: number, text: string): void =>
  appendFileSync(`${folder}/${segment}`, text);
