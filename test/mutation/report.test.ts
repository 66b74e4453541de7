import { expect, test } from 'vitest';
import { compare, type Equivalent, type Report } from './report.ts';

const source = 'const a = 1;\n  return a <\n    2;\n';
const mutant = (status: string, replacement: string) => ({
  status,
  replacement,
  location: { start: { line: 2, column: 10 }, end: { line: 3, column: 6 } },
});
const report = (...mutants: ReturnType<typeof mutant>[]): Report => ({
  files: { 'src/a.ts': { source, mutants } },
});
const entry = (more: Partial<Equivalent> = {}): Equivalent => ({
  file: 'src/a.ts',
  line: 'return a <',
  mutant: 'a < 2 => true',
  reason: 'a is 1',
  ...more,
});

test('a mutant that no test notices is shown by its line and its text', () => {
  const { files } = compare(report(mutant('Survived', 'true'), mutant('NoCoverage', 'false')), []);
  const { reason: _, ...survivor } = entry();
  expect(files).toEqual([
    {
      file: 'src/a.ts',
      killed: 0,
      equivalent: 0,
      untried: 0,
      survivors: [
        { ...survivor, at: 2 },
        { ...survivor, mutant: 'a < 2 => false', at: 2 },
      ],
    },
  ]);
});

test('one that is listed is not shown', () => {
  const { files, stale } = compare(report(mutant('Survived', 'true')), [entry()]);
  expect(files).toMatchObject([{ equivalent: 1, survivors: [] }]);
  expect(stale).toEqual([]);
});

test('those that are noticed count, and those that are not tried do not', () => {
  const mutants = ['Killed', 'Timeout', 'RuntimeError', 'Ignored'].map((status) => mutant(status, 'true'));
  expect(compare(report(...mutants), []).files).toMatchObject([{ killed: 3, untried: 1, survivors: [] }]);
  expect(() => compare(report(mutant('Pending', 'true')), [])).toThrow('src/a.ts is Pending');
});

test('an entry that does not survive any more is stale, but for files that were not tried', () => {
  const other = entry({ file: 'src/b.ts' });
  const moved = entry({ line: 'return b <' });
  expect(compare(report(mutant('Killed', 'true')), [entry(), moved, other]).stale).toEqual([entry(), moved]);
});
