import { expect, test } from 'vitest';
import { compare, type Equivalent, interval, type Report } from './report.ts';
import { isSampled } from './sample.ts';

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
      timedOut: 0,
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
  expect(compare(report(...mutants), []).files).toMatchObject([
    { killed: 3, timedOut: 1, untried: 1, survivors: [] },
  ]);
  expect(() => compare(report(mutant('Pending', 'true')), [])).toThrow('src/a.ts is Pending');
});

test('an entry that does not survive any more is stale, but for files that were not tried', () => {
  const other = entry({ file: 'src/b.ts' });
  const moved = entry({ line: 'return b <' });
  expect(compare(report(mutant('Killed', 'true')), [entry(), moved, other]).stale).toEqual([entry(), moved]);
});

test('one that is not in the sample is not counted, and does not make its entry stale', () => {
  const { files, stale } = compare(report(mutant('CompileError', 'true'), mutant('Killed', 'false')), [
    entry(),
  ]);
  expect(files).toMatchObject([{ killed: 1, equivalent: 0, untried: 0, survivors: [] }]);
  expect(stale).toEqual([]);
});

test('a sample is as large as asked for, and the same for the same seed', () => {
  const mutants = Array.from({ length: 10_000 }, (_, id) => ({ id: String(id) }));
  const drawn = (percent: number, seed: string) =>
    mutants.filter((one) => isSampled(one, percent, seed)).map(({ id }) => id);
  expect(drawn(5, 'a').length).toBeGreaterThan(400);
  expect(drawn(5, 'a').length).toBeLessThan(600);
  expect(drawn(5, 'a')).toEqual(drawn(5, 'a'));
  expect(drawn(5, 'a')).not.toEqual(drawn(5, 'b'));
  expect(drawn(100, 'a')).toHaveLength(10_000);
});

test.each([
  { count: 90, tried: 100, low: 0.826, high: 0.945 },
  { count: 900, tried: 1000, low: 0.88, high: 0.917 },
  { count: 20, tried: 20, low: 0.839, high: 1 },
  { count: 0, tried: 0, low: 0, high: 1 },
])('$count of $tried mean $low to $high', ({ count, tried, low, high }) => {
  const bounds = interval(count, tried);
  expect(bounds[0]).toBeCloseTo(low, 3);
  expect(bounds[1]).toBeCloseTo(high, 3);
});
