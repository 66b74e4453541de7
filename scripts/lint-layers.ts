/**
 * Checks the layers of src: a package imports only from lower layers, type imports too. In the pure packages it also
 * refuses clocks, randomness, IO and async. No files import each other in a circle,
 * and no two have one name, except that a verb's file has the name of the verb.
 */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { circleOf, imports, layers, packageOf, sourceFiles } from './layers.ts';

const src = join(import.meta.dirname, '../src');
const order = [...layers.keys()];

/** Beyond the order: the CLI and the controller are clients of the API like any other. */
const forbidden: Record<string, string[]> = {
  cli: ['server', 'controller', 'drivers', 'registry', 'messages', 'store'],
  views: ['registry', 'store', 'sources'],
  controller: ['registry', 'store', 'views'],
  plan: ['platform'],
  api: ['platform'],
};
const pure = ['api', 'plan'];
const impure: [RegExp, string][] = [
  [/\basync\b|\bawait\b|\bPromise\b/, 'is asynchronous'],
  [/from 'node:/, 'imports from Node'],
  [/\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\b/, 'reads the clock'],
  [/\bset(Timeout|Interval|Immediate)\b/, 'sets a timer'],
  [/\bMath\.random\b|\bcrypto\b/, 'is random'],
  [/\bprocess\.|\bconsole\./, 'does IO'],
];

const problems: string[] = [];
const all = imports();
for (const { file, path, from, to } of all) {
  if (order.indexOf(to) < order.indexOf(from))
    problems.push(`src/${file} imports src/${path}: ${to} is in a higher layer than ${from}`);
  else if (forbidden[from]?.includes(to) === true)
    problems.push(`src/${file} imports src/${path}: ${from} must not import from ${to}`);
}
for (const file of sourceFiles()) {
  const name = packageOf(file);
  if (!layers.has(name))
    problems.push(`src/${file}: ${name} is not a package; the packages are ${order.join(', ')}`);
  if (!pure.includes(name) || file.includes('.gen.')) continue;
  for (const [index, line] of readFileSync(join(src, file), 'utf8').split('\n').entries()) {
    const code = line
      .replace(/^\s*(\/\/|\*|\/\*).*$/, '')
      .replace(/'[^']*'|`[^`]*`/g, (quoted) => (line.includes('from ') ? quoted : "''"));
    for (const [pattern, what] of impure)
      if (pattern.test(code)) problems.push(`src/${file}:${index + 1} ${what}: ${name} is pure`);
  }
}
const circle = circleOf(all);
if (circle.length > 0) problems.push(`these files import each other in a circle: ${circle.join(' -> ')}`);
const named = sourceFiles().filter((file) => !file.startsWith('cli/verbs/'));
for (const [name, files] of Map.groupBy(named, (file) => basename(file)))
  if (files.length > 1) problems.push(`${name} is the name of several files: ${files.join(', ')}`);
for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? 'The layers hold.' : `${problems.length} problems with the layers.`);
process.exitCode = problems.length === 0 ? 0 : 1;
