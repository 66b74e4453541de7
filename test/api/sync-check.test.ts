import { describe, expect, test } from 'vitest';
import { checkSync } from '../../src/api/checks/kind-checks.ts';

describe('how often and how long a Sync looks', () => {
  const source = { git: { url: 'https://example.com/r' } };
  const told = (spec: object): string[] =>
    checkSync({ spec: { source, ...spec } }).map(({ path, message }) => `${path.join('.')}: ${message}`);

  test.each([{ interval: '1s' }, { interval: '720h' }, { timeout: '1s' }, { timeout: '1h' }, {}])(
    '%o is taken',
    (spec) => {
      expect(told(spec)).toEqual([]);
    },
  );

  test.each([
    [{ interval: '0s' }, 'spec.interval: found "0s", expected from 1s to 720h'],
    [{ interval: '999ms' }, 'spec.interval: found "999ms", expected from 1s to 720h'],
    [{ timeout: '1000h' }, 'spec.timeout: found "1000h", expected from 1s to 1h'],
  ])('%o is refused', (spec, text) => {
    expect(told(spec)).toEqual([text]);
  });
});
