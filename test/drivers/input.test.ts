import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createInput } from '../../src/drivers/input.ts';

const read = (pipe: PassThrough): string => String(pipe.read() ?? '');

test('what is written to an input that was written to before begins with a newline, which ends a line that was cut in half', async () => {
  const pipe = new PassThrough();
  const input = createInput('it', () => pipe);
  await input.write('one\n');
  await input.write('two\n');
  expect(read(pipe)).toBe('\none\ntwo\n');
});

test('a fresh input gets no empty line, until its pipe was lost', async () => {
  const pipes = [new PassThrough(), new PassThrough()];
  let opened = 0;
  const input = createInput('it', () => pipes[opened++] ?? new PassThrough(), { fresh: true });
  await input.write('one\n');
  expect(read(pipes[0] ?? new PassThrough())).toBe('one\n');
  pipes[0]?.destroy();
  await new Promise((resolve) => pipes[0]?.once('close', resolve));
  await input.write('two\n');
  expect(read(pipes[1] ?? new PassThrough())).toBe('\ntwo\n');
});
