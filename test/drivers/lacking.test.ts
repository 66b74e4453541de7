import { expect, test } from 'vitest';
import { lacking } from '../../src/drivers/driver-index.ts';

test('an agent with a protocol needs a Runtime that can attach to it', () => {
  expect(lacking({ stdio: 'None' }, { protocol: 'none' })).toEqual([]);
  expect(lacking({ stdio: 'Durable' }, { protocol: 'acp' })).toEqual([]);
  expect(lacking({ stdio: 'None' }, { protocol: 'acp' })).toEqual([
    expect.stringContaining('spec.protocol: the Runtime cannot attach'),
  ]);
});
