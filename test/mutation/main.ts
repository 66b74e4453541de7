/**
 * Changes src in small ways and runs the tests for each: a change that no test notices is printed, unless it is listed in
 * equivalent.yaml. Arguments name the files to change; without them, all of packages.ts. Takes hours for all.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { parse, stringify } from 'yaml';
import { packages } from './packages.ts';
import { type Comparison, compare, type Equivalent, type FileResult, type Report } from './report.ts';

const root = join(import.meta.dirname, '../..');
const list: Equivalent[] = parse(readFileSync(join(import.meta.dirname, 'equivalent.yaml'), 'utf8'));
const named = process.argv.slice(2);

const results: Comparison[] = [];
for (const [name, { mutate }] of Object.entries(packages)) {
  const files =
    named.length === 0 ? mutate : named.filter((file) => mutate.some((glob) => within(file, glob)));
  if (files.length > 0) results.push(compare(tried(name, files), list));
}
if (results.length === 0) throw new Error(`none of ${named.join(', ')} is in test/mutation/packages.ts`);
const files = results.flatMap((one) => one.files);
const survivors = files.flatMap((one) => one.survivors);
const stale = results.flatMap((one) => one.stale);
console.log(table(files));
if (survivors.length > 0)
  console.log(
    `\nNo test notices these ${survivors.length}. Write one, or add the mutant to equivalent.yaml with a reason:\n\n${stringify(survivors, { lineWidth: 0 })}`,
  );
if (stale.length > 0)
  console.log(
    `\nRemove these from equivalent.yaml: they do not survive.\n\n${stringify(stale, { lineWidth: 0 })}`,
  );
process.exitCode = survivors.length + stale.length === 0 ? 0 : 1;

/** A glob covers itself, too. */
function within(file: string, glob: string): boolean {
  return file === glob || matchesGlob(file, glob);
}

function tried(name: string, mutate: readonly string[]): Report {
  mkdirSync(join(root, 'coverage'), { recursive: true });
  const env = { PROPERTY_SEED: '20261121', PROPERTY_RUNS: '10', ...process.env, MUTATION_PACKAGE: name };
  const words = ['run', 'test/mutation/stryker.json', '--mutate', mutate.join(',')];
  const { status, error } = spawnSync('stryker', words, { cwd: root, env, stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) {
    console.error(`error: the mutants of ${name} were not tried: see above`);
    process.exit(2);
  }
  return JSON.parse(readFileSync(join(root, 'coverage/mutation.json'), 'utf8'));
}

function table(files: readonly FileResult[]): string {
  const sum = (count: (file: FileResult) => number): number =>
    files.reduce((total, file) => total + count(file), 0);
  const total: FileResult = {
    file: 'all',
    killed: sum(({ killed }) => killed),
    equivalent: sum(({ equivalent }) => equivalent),
    untried: sum(({ untried }) => untried),
    survivors: survivors,
  };
  const rows = [...files, total].map((file) => [
    file.file,
    score(file),
    ...[file.killed, file.survivors.length, file.equivalent, file.untried].map(String),
  ]);
  const all = [['file', 'score', 'killed', 'survived', 'equivalent', 'untried'], ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))),
    )
    .map((cells) => cells.join('  '))
    .join('\n');
}

/** Without the equivalent ones. */
function score({ killed, survivors }: FileResult): string {
  const count = killed + survivors.length;
  return count === 0 ? '-' : `${((100 * killed) / count).toFixed(1)} %`;
}
