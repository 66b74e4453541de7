import { expect, test } from 'vitest';
import type { Driver, DriverFeatures } from '../../src/drivers/driver.ts';
import {
  collectorFiles,
  createOpenFiles,
  type FileCount,
  withOpenFiles,
} from '../../src/drivers/open-files.ts';
import { runSpec } from '../contracts/spec.ts';
import { ManualClock } from '../fakes/clock.ts';

const filesWith = (count: FileCount) => {
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  return { clock, files: createOpenFiles(clock, () => ({ ...count })), count };
};

test('starts are refused before the descriptors that connections of the API need are taken', () => {
  const { clock, files, count } = filesWith({ open: 54, limit: 128 });
  let admitted = 0;
  expect(() => {
    for (;;) {
      files.admit();
      admitted += 1;
    }
  }).toThrow(expect.objectContaining({ kind: 'NotStartable', code: 'TooManyOpenFiles' }));
  expect(admitted).toBe(14); // 128 - 54 - 32 kept free, at 3 each
  expect(files.condition()).toMatchObject({ status: 'False', reason: 'TooManyOpenFiles' });
  // What they opened is in the count after a while.
  count.open = 70;
  clock.advance(5000);
  expect(() => files.admit()).not.toThrow();
  expect(files.condition()).toMatchObject({ type: 'FilesAvailable', status: 'True' });
});

test('a host with a high limit admits thousands at once', () => {
  const { files } = filesWith({ open: 100, limit: 524_288 });
  for (let start = 0; start < 10_000; start++) files.admit();
});

test('no driver is asked for a start that is refused', async () => {
  const { files } = filesWith({ open: 128, limit: 128 });
  const asked: string[] = [];
  // Only these are asked.
  const driver = {
    create: async () => asked.push('create'),
    restart: async () => asked.push('restart'),
  } as unknown as Driver & DriverFeatures;
  const guarded = withOpenFiles(driver, files);
  const spec = runSpec('store', 'a-0');
  await expect(guarded.create(spec)).rejects.toMatchObject({ code: 'TooManyOpenFiles' });
  await expect(guarded.restart('ref', spec)).rejects.toMatchObject({ code: 'TooManyOpenFiles' });
  expect(asked).toEqual([]);
  expect(guarded.conditions?.()).toMatchObject([{ type: 'FilesAvailable', status: 'False' }]);
});

test('a collector of output that is short of files says so by itself', () => {
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  const files = createOpenFiles(clock, () => ({ open: 4000, limit: 4096 }), collectorFiles);
  expect(() => files.admit()).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(
        /^no more agents are started, because the collector of output has almost reached its limit/,
      ),
    }),
  );
  expect(files.condition()).toMatchObject({ type: 'OutputFilesAvailable', status: 'False' });
});
