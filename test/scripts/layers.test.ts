import { expect, test } from 'vitest';
import { circleOf } from '../../scripts/layers.ts';

const chain = (...files: string[]) => files.slice(1).map((path, at) => ({ file: files[at] ?? '', path }));

test('files that import each other are found, on whatever way', () => {
  expect(circleOf(chain('a.ts', 'b.ts', 'c.ts', 'b.ts'))).toEqual(['b.ts', 'c.ts', 'b.ts']);
  expect(circleOf(chain('a.ts', 'a.ts'))).toEqual(['a.ts', 'a.ts']);
});

test('two ways to one file are no circle', () => {
  expect(circleOf([...chain('a.ts', 'b.ts', 'd.ts'), ...chain('a.ts', 'c.ts', 'd.ts')])).toEqual([]);
});
