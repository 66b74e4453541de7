import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import { inPlace } from '../../../src/sources/parsing/parser.ts';
import { createParser } from '../../../src/sources/parsing/parser-thread.ts';
import { startThread } from '../../../src/sources/parsing/start-thread.ts';
import { parserContract } from '../../contracts/parser.ts';
import { ManualClock } from '../../fakes/clock.ts';

parserContract('in place', inPlace);
parserContract('in a thread', createParser({ clock: systemClock }));

const options = { owner: 'test' };
const file = (name: string) => ({ name, bytes: Buffer.from('a: 1\n') });

/** A parser whose thread does `text` in place of each job. */
const hostile = (text: string, clock = new ManualClock('2026-03-02T10:00:00Z')) => {
  const code = `require('node:worker_threads').parentPort.on('message', () => { ${text} })`;
  return createParser({
    clock,
    start: (resourceLimits) =>
      new Worker(code, { eval: true, resourceLimits: { ...resourceLimits, maxOldGenerationSizeMb: 32 } }),
  });
};

describe('what the parser cannot read within its bounds', () => {
  test('is a Timeout that names the file and says what to do', async () => {
    const clock = new ManualClock('2026-03-02T10:00:00Z');
    const parser = hostile('for (;;);', clock);
    const parsed = parser.parse([file('a.yaml')], options);
    clock.advance(20_000);
    await expect(parsed).rejects.toMatchObject({
      name: 'SourceError',
      code: 'Timeout',
      message: 'a.yaml could not be read within 20 s: split or simplify it',
    });
    await parser.close();
  });

  test('is a Timeout sooner where the caller has less time', async () => {
    const clock = new ManualClock('2026-03-02T10:00:00Z');
    const parser = hostile('for (;;);', clock);
    const parsed = parser.seal('/', '.', { ...options, timeout: 1_500 });
    clock.advance(1_500);
    await expect(parsed).rejects.toMatchObject({
      code: 'Timeout',
      message: '.: its kustomizations could not be read within 1.5 s: split or simplify it',
    });
    await parser.close();
  });

  test('is TooLarge where it takes too much memory', async () => {
    const parser = hostile('const held = []; for (;;) held.push(new Array(10_000).fill(held.length));');
    await expect(
      parser.parse([file('a.yaml'), file('b.yaml'), file('c.yaml')], options),
    ).rejects.toMatchObject({
      code: 'TooLarge',
      message: 'one of a.yaml to c.yaml needs more than 512 MiB of memory to read: split or simplify it',
    });
    await parser.close();
  });

  test('has failed where the thread ends, or says what nobody understands', async () => {
    const parser = hostile('process.exit(3);');
    await expect(parser.value('a: 1', options)).rejects.toMatchObject({
      code: 'Failed',
      message: expect.stringMatching(/the document crashed the parser .*: split or simplify it/),
    });
    await parser.close();
  });
});

test('the thread gets the bytes of the files alone, and none of what is beside them in memory', async () => {
  const received: unknown[] = [];
  const parser = createParser({
    clock: systemClock,
    start(bounds) {
      const worker = startThread(bounds);
      const post = worker.postMessage.bind(worker);
      worker.postMessage = (job) => {
        received.push(...job.files.map(({ bytes }: { bytes: Uint8Array }) => bytes.buffer.byteLength));
        post(job);
      };
      return worker;
    },
  });
  await parser.parse([{ name: 'a.yaml', bytes: Buffer.alloc(1000, 32).subarray(10, 15) }], options);
  expect(received).toEqual([5]);
  await parser.close();
});
