import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

interface Row {
  line: number;
  /** Its last column cites each as `test/x.test.ts`: "name of a test". */
  tests: { line: number; file: string; name: string }[];
}

/** The rows of the tables whose last column is "Test". */
function rowsOf(page: string): Row[] {
  const rows: Row[] = [];
  let inTable = false;
  for (const [index, text] of page.split('\n').entries()) {
    const line = index + 1;
    if (text.endsWith('| Test |')) inTable = true;
    else if (!text.startsWith('|')) inTable = false;
    else if (inTable && !text.startsWith('| ---')) {
      const cited = text.matchAll(/`(test\/[^`]+)`: "([^"]+)"/g);
      rows.push({ line, tests: [...cited].map(([, file = '', name = '']) => ({ line, file, name })) });
    }
  }
  return rows;
}

describe('docs/security.md', () => {
  const rows = rowsOf(readFileSync(join(root, 'docs/security.md'), 'utf8'));

  test('has a row for each protection', () => expect(rows.length).toBeGreaterThan(50));

  test.each(rows)('line $line names at least one test', ({ tests }) => expect(tests).not.toEqual([]));

  test.each(rows.flatMap(({ tests }) => tests))(
    'line $line: $file has the test "$name"',
    ({ file, name }) => {
      const source = readFileSync(join(root, file), 'utf8').replaceAll("\\'", "'");
      expect(source).toContain(name);
    },
  );
});
