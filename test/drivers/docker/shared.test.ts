import { expect, test } from 'vitest';
import { shared } from '../../../src/drivers/docker/engine-facts.ts';

test('those that ask while a question is under way share the next one', async () => {
  const put: PromiseWithResolvers<number>[] = [];
  const ask = shared(() => {
    const question = Promise.withResolvers<number>();
    put.push(question);
    return question.promise;
  });
  const first = ask();
  await Promise.resolve();
  const [second, third] = [ask(), ask()];
  expect(put).toHaveLength(1);
  put[0]?.resolve(1);
  expect(await first).toBe(1);
  await new Promise(setImmediate);
  expect(put).toHaveLength(2);
  put[1]?.resolve(2);
  expect(await Promise.all([second, third])).toEqual([2, 2]);
});

test('a question that failed is put again to the next that asks', async () => {
  let count = 0;
  const ask = shared(async () => {
    count += 1;
    if (count === 1) throw new Error('no answer');
    return count;
  });
  await expect(ask()).rejects.toThrow('no answer');
  expect(await ask()).toBe(2);
});
