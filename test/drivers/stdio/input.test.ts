import { Duplex, PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { attachLimits } from '../../../src/drivers/attachment.ts';
import { createInput } from '../../../src/drivers/stdio/input.ts';

const read = (pipe: PassThrough): string => String(pipe.read() ?? '');

/** An input over as many pipes as it opens, each of which has room for so many bytes. */
function inputOver(pipes: PassThrough[], options: { cut?: boolean } = {}) {
  const open = (): PassThrough => {
    const pipe = new PassThrough();
    pipes.push(pipe);
    return pipe;
  };
  return createInput('it', open, options);
}

const lose = async (pipe: Duplex | undefined): Promise<void> => {
  const gone = new Promise((resolve) => pipe?.once('close', resolve));
  pipe?.destroy();
  await gone;
};

test('what is written is written as it is, and nothing else', async () => {
  const pipes: PassThrough[] = [];
  const input = inputOver(pipes);
  await input.write('one\n');
  await input.write('two\n');
  expect(pipes.map(read)).toEqual(['one\ntwo\n']);
});

test('a line that an earlier input may have left half is ended by a newline, once', async () => {
  const pipes: PassThrough[] = [];
  const input = inputOver(pipes, { cut: true });
  await input.write('one\n');
  await input.write('two\n');
  expect(pipes.map(read)).toEqual(['\none\ntwo\n']);
});

test('a pipe that is lost between two lines, and opened again, gets no empty line', async () => {
  const pipes: PassThrough[] = [];
  const input = inputOver(pipes);
  await input.write('one\n');
  await lose(pipes[0]);
  await input.write('two\n');
  expect(read(pipes[1] ?? new PassThrough())).toBe('two\n');
});

test('a line that is lost half with its pipe is ended in the next one', async () => {
  const pipes = [halting(), new PassThrough()];
  const input = createInput('it', () => pipes.shift() ?? new PassThrough());
  const [first, second = first] = pipes;
  const refused = expect(input.write(`${'x'.repeat(attachLimits.whole)}\n`)).rejects.toMatchObject({
    code: 'NotRunning',
  });
  await new Promise((resolve) => setImmediate(resolve));
  await lose(first);
  await refused;
  await input.write('two\n');
  expect(second?.read()?.toString()).toBe('\ntwo\n');
});

/** A pipe that is full: what is written waits until it is lost. */
function halting(): Duplex {
  let refuse = (_: Error): void => {};
  return new Duplex({
    read() {},
    write(_chunk, _encoding, callback) {
      refuse = callback;
    },
    destroy(_error, callback) {
      refuse(new Error('the pipe is lost'));
      callback(null);
    },
  });
}
