import { expect, test } from 'vitest';
import { Pen } from '../../src/conversations/run-input.ts';
import { type Attachment, attachLimits } from '../../src/drivers/attachment.ts';

/** A pen over a pipe that takes a line when the test says so. */
function talkState({ cut = false, noteFails = false } = {}) {
  const notes: string[] = [];
  const lines: string[] = [];
  const waiting: PromiseWithResolvers<void>[] = [];
  const attachment: Pick<Attachment, 'write'> = {
    write: (text) => {
      lines.push(text);
      const taken = Promise.withResolvers<void>();
      waiting.push(taken);
      return taken.promise;
    },
  };
  const pen = new Pen({
    attachment: () => attachment as Attachment, // it only writes
    cut,
    mayBeCut: async () => {
      notes.push(`cut, after ${lines.length} lines`);
      if (noteFails) throw new Error('the disk is full');
    },
    isWhole: () => notes.push('whole'),
  });
  const take = async (): Promise<void> => {
    waiting.shift()?.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  };
  const settle = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));
  const lose = (): void => waiting.shift()?.reject(new Error('lost'));
  return { pen, notes, lines, take, settle, lose };
}

const long = 'x'.repeat(attachLimits.whole);

test('short lines go into the pipe whole: nothing is noted of them', async () => {
  const { pen, notes, lines, take } = talkState();
  const written = [pen.write('a'), pen.write('b')];
  await take();
  await take();
  await Promise.all(written);
  expect([lines, notes, pen.cut]).toEqual([['a\n', 'b\n'], [], false]);
});

test('lines of more than a pipe takes as a whole, together, are written one by one: nothing is noted of them', async () => {
  const { pen, notes, lines, take, settle } = talkState();
  const most = 'x'.repeat(attachLimits.whole - 1);
  const written = [pen.write(most), pen.write(most), pen.write('b')];
  await settle();
  expect(lines).toHaveLength(1);
  for (const line of written) {
    await take();
    await line;
  }
  expect([lines, notes, pen.cut]).toEqual([[`${most}\n`, `${most}\n`, 'b\n'], [], false]);
});

test('a long line is noted before it is written, and what comes behind it keeps its place', async () => {
  const { pen, notes, lines, take, settle } = talkState();
  const written = [pen.write(long), pen.write('b')];
  await settle();
  expect([notes, lines, pen.cut]).toEqual([['cut, after 0 lines'], [`${long}\n`], true]);
  await take();
  expect([notes.at(-1), lines, pen.cut]).toEqual(['whole', [`${long}\n`, 'b\n'], false]);
  await take();
  await Promise.all(written);
});

test('a line that was refused holds up none behind it', async () => {
  const { pen, lines, take, settle, lose } = talkState();
  const written = [pen.write('a'), pen.write('b')];
  await settle();
  lose();
  await expect(written[0]).rejects.toThrow('lost');
  await take();
  await written[1];
  expect(lines).toEqual(['a\n', 'b\n']);
});

test('more lines than may wait to be read are refused', async () => {
  const { pen, lines } = talkState();
  const half = 'x'.repeat(attachLimits.input / 2);
  void pen.write(half);
  await expect(pen.write(half)).rejects.toMatchObject({ code: 'InputFull', kind: 'Retryable' });
  expect(lines.length).toBeLessThanOrEqual(1);
});

test('a line that is not taken leaves it unknown whether it was cut', async () => {
  const { pen, settle } = talkState();
  void pen.write(long);
  await settle();
  expect(pen.cut).toBe(true);
});

test('what cannot be noted is not written, and may be tried again', async () => {
  const { pen, lines } = talkState({ noteFails: true });
  await expect(pen.write(long)).rejects.toThrow('the disk is full');
  expect([lines, pen.cut]).toEqual([[], false]);
});

test('what an earlier connection left half is so until a line was written', async () => {
  const { pen, notes, take, settle } = talkState({ cut: true });
  expect(pen.cut).toBe(true);
  const written = pen.write('a');
  await settle();
  await take();
  await written;
  expect([pen.cut, notes]).toEqual([false, ['whole']]);
});
