import { describe, expect, test } from 'vitest';
import { labels } from '../../../src/api/annotations.ts';
import { beginOf, frames, lastOf, linesOf, logQuery } from '../../../src/drivers/docker/docker-logs.ts';
import type { ContainerInspect } from '../../../src/drivers/docker/docker-observe.ts';
import type { LogLine } from '../../../src/drivers/driver.ts';

const frame = (stream: 1 | 2, text: string): Buffer => {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
};

async function* chunks(...parts: Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}

async function collect(lines: AsyncIterable<LogLine>): Promise<LogLine[]> {
  const all: LogLine[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

const read = async (podman: boolean, ...parts: Buffer[]): Promise<LogLine[]> =>
  collect(linesOf(frames(chunks(...parts)), { podman }));

const [t1, t2] = ['2026-01-01T00:00:01.000000001Z', '2026-01-01T00:00:02.000000001Z'];

describe('lines out of an engine’s log', () => {
  test('are told apart by stream, with their times', async () => {
    expect(await read(false, frame(1, `${t1} out\n`), frame(2, `${t2} err\n`))).toEqual([
      { stream: 'stdout', at: Date.parse(t1), text: 'out' },
      { stream: 'stderr', at: Date.parse(t2), text: 'err' },
    ]);
  });

  test('do not depend on where the connection cuts', async () => {
    const bytes = Buffer.concat([frame(1, `${t1} äöü\n`), frame(2, `${t2} x y\n`)]);
    const single = [...bytes].map((byte) => Buffer.from([byte]));
    expect(await read(false, ...single)).toEqual(await read(false, bytes));
  });

  test('may come byte by byte, many in one piece', async () => {
    const bytes = Buffer.concat(Array.from({ length: 7_000 }, () => frame(1, 'x')));
    let size = 0;
    for await (const { payload } of frames(chunks(bytes))) size += payload.length;
    expect(size).toBe(7_000);
  });

  test('join parts with one timestamp, though the other stream speaks between them', async () => {
    const lines = await read(
      false,
      frame(1, `${t1} half `),
      frame(2, `${t1} err\n`),
      frame(1, `${t1} whole\n`),
    );
    expect(lines.map(({ text }) => text)).toEqual(['err', 'half whole']);
  });

  test('end at a cut of the program: what has another timestamp is a new line', async () => {
    const lines = await read(false, frame(1, `${t1} cut off`), frame(1, `${t2} start 2\n`));
    expect(lines.map(({ text }) => text)).toEqual(['cut off', 'start 2']);
  });

  test('join by the newline alone where parts have times of their own', async () => {
    const lines = await read(true, frame(1, `${t1} half `), frame(1, `${t2} whole\n`));
    expect(lines.map(({ text }) => text)).toEqual(['half whole']);
  });

  test('keep an unfinished last one, and empty ones', async () => {
    const lines = await read(false, frame(1, `${t1} \n`), frame(1, `${t2} open`));
    expect(lines.map(({ text }) => text)).toEqual(['', 'open']);
  });

  test('can be cut to the last few', async () => {
    const lines = linesOf(
      frames(chunks(frame(1, `${t1} a\n`), frame(1, `${t1} b\n`), frame(1, `${t1} c\n`))),
      { podman: false },
    );
    expect((await collect(lastOf(lines, 2))).map(({ text }) => text)).toEqual(['b', 'c']);
  });
});

test('the engine is asked for one run by its times, and the tail of an earlier one is cut here', () => {
  const signal = AbortSignal.abort();
  const all = { stdout: true, stderr: true, timestamps: true };
  const earlier = { number: 1, startedAt: 10_030, finishedAt: 20_000 };
  const query = { follow: true, tail: 5, since: 1_000, signal };
  const container = { startedAt: 60_030, begin: 60_000 };
  expect(logQuery({ ...query, run: earlier }, container)).toEqual({
    ...all,
    follow: false,
    since: '9.930',
    until: '21.000',
  });
  expect(logQuery({ ...query, run: { ...earlier, finishedAt: 59_900 } }, container).until).toBe('60.000');
  const newest = { number: 2, startedAt: 60_030 };
  expect(logQuery({ ...query, run: newest }, container)).toEqual({
    ...all,
    follow: true,
    tail: 5,
    since: '60.000',
  });
  expect(logQuery({ follow: false, run: { ...newest, finishedAt: 61_000 }, signal }, container)).toEqual({
    ...all,
    follow: false,
    since: '60.000',
  });
});

test('the output of a run begins before the engine notes its start, however long that takes', () => {
  const inspect = (state: object): ContainerInspect =>
    // The fields that it reads.
    ({
      Config: { Labels: { [labels.run]: '1' } },
      State: { Running: true, ...state },
    }) as unknown as ContainerInspect;
  const started = inspect({ StartedAt: '1970-01-01T00:01:00Z', FinishedAt: '0001-01-01T00:00:00Z' });
  expect(beginOf(started, 1)).toBe(0); // the whole log of its container
  const signal = AbortSignal.abort();
  const run = { number: 1, startedAt: 60_000 };
  const query = logQuery({ follow: true, run, signal }, { startedAt: 60_000, begin: beginOf(started, 1) });
  expect(query.since).toBeUndefined();
  const again = inspect({ StartedAt: '1970-01-01T00:01:00Z', FinishedAt: '1970-01-01T00:00:59.400Z' });
  expect(beginOf(again, 2)).toBe(59_700); // between the end of the run before and the start
});

test('a line without an end is held no further than what is told of it', async () => {
  const piece = frame(1, `${t1} ${'x'.repeat(1024 * 1024)}`);
  const [line] = await read(false, ...Array.from({ length: 40 }, () => piece), frame(1, `${t1} end\n`));
  expect(line?.text.length).toBeLessThan(18 * 1024 * 1024);
  expect(line?.text).toMatch(/^xxx.*end$/);
});

test('the last of many long lines are held up to a bound', async () => {
  async function* long(): AsyncGenerator<LogLine> {
    for (let n = 0; n < 100; n += 1)
      yield { stream: 'stdout', at: n, text: `${n}${'x'.repeat(1024 * 1024)}` };
  }
  const last = await collect(lastOf(long(), 1_000));
  expect(last.length).toBeLessThan(64);
  expect(last.at(-1)?.text.startsWith('99')).toBe(true);
});
