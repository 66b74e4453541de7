/**
 * Changes src in small ways and runs the tests for each: a change that no test notices is printed, unless it is listed in
 * equivalent.yaml. Arguments name the packages of packages.ts, or files in them; without them, all. Takes hours for all:
 * SAMPLE=5 in the environment tries 5 % at random. SEED repeats a sample.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { parse, stringify } from 'yaml';
import { packages } from './packages.ts';
import {
  type Comparison,
  compare,
  type Equivalent,
  type FileResult,
  interval,
  type Report,
} from './report.ts';

const root = join(import.meta.dirname, '../..');
const list: Equivalent[] = parse(readFileSync(join(import.meta.dirname, 'equivalent.yaml'), 'utf8'));
const named = process.argv.slice(2);
const { SAMPLE: sample = '100', SEED: seed = String(Date.now()) } = process.env;
if (!(Number(sample) > 0 && Number(sample) <= 100))
  throw new Error(`SAMPLE is "${sample}": use a number up to 100`);

const results: Comparison[] = [];
for (const [name, { mutate }] of Object.entries(packages)) {
  const files =
    named.length === 0 || named.includes(name)
      ? mutate
      : named.filter((file) => mutate.some((glob) => within(file, glob)));
  if (files.length > 0) results.push(compare(tried(name, files), list));
}
if (results.length === 0) throw new Error(`none of ${named.join(', ')} is in test/mutation/packages.ts`);
const files = results.flatMap((one) => one.files);
const survivors = files.flatMap((one) => one.survivors);
const stale = results.flatMap((one) => one.stale);
console.log(table(files));
if (sample !== '100') console.log(`\n${estimate(files)}`);
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
  const env = {
    PROPERTY_SEED: '20261121',
    PROPERTY_RUNS: '10',
    ...process.env,
    SEED: seed,
    MUTATION_PACKAGE: name,
  };
  const words = ['run', 'test/mutation/stryker.json', '--mutate', mutate.join(',')];
  if (sample !== '100') words.push('--checkers', 'sample');
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
    timedOut: sum(({ timedOut }) => timedOut),
    equivalent: sum(({ equivalent }) => equivalent),
    untried: sum(({ untried }) => untried),
    survivors: survivors,
  };
  const rows = [...files, total].map((file) => [
    file.file,
    score(file),
    ...[file.killed, file.timedOut, file.survivors.length, file.equivalent, file.untried].map(String),
  ]);
  const all = [['file', 'score', 'killed', 'timed out', 'survived', 'equivalent', 'untried'], ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))),
    )
    .map((cells) => cells.join('  '))
    .join('\n');
}

/** What a sample says about all mutants. */
function estimate(files: readonly FileResult[]): string {
  const killed = files.reduce((sum, file) => sum + file.killed, 0);
  const tried = killed + survivors.length;
  const [low, high] = interval(killed, tried).map((share) => (100 * share).toFixed(1));
  return `SAMPLE=${sample} SEED=${seed}: ${killed} of ${tried} are killed. Of all, ${low} to ${high} % (95 % confidence).`;
}

/** Without the equivalent ones. */
function score({ killed, survivors }: FileResult): string {
  const count = killed + survivors.length;
  return count === 0 ? '-' : `${((100 * killed) / count).toFixed(1)} %`;
}
