import { expect, test } from 'vitest';
import { parseTree } from '../../../src/sources/git/git-tree.ts';

const row = (path: string): string => `100644 blob ${'a'.repeat(40)}       7\t${path}\0`;

test('what a commit holds is read row by row, whatever the names are', async () => {
  const output = `${row('a b\tc\nd.yaml')}160000 commit ${'b'.repeat(40)}       -\tmodule\0`;
  expect(await parseTree(output)).toEqual([
    { path: 'a b\tc\nd.yaml', id: 'a'.repeat(40), size: 7, kind: 'File' },
    { path: 'module', id: 'b'.repeat(40), size: 0, kind: 'Submodule' },
  ]);
});

test('a commit with files without number is refused before they are looked at', async () => {
  await expect(parseTree(row('a').repeat(200_001))).rejects.toMatchObject({
    code: 'TooLarge',
    message: expect.stringContaining('more than 200000 files and folders'),
  });
});
