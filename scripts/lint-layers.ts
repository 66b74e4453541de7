/**
 * Checks the layers of src: a package imports only from lower layers, type imports too. In the pure packages it also
 * refuses clocks, randomness, IO and async.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const src = join(import.meta.dirname, '../src');

/** Top to bottom. */
const layers = [
  'cli',
  'daemon',
  'server',
  'controller',
  'drivers',
  'client',
  'registry',
  'messages',
  'protocols',
  'sources',
  'store',
  'plan',
  'api',
  'platform',
];
/** Beyond the order: the CLI and the controller are clients of the API like any other. */
const forbidden: Record<string, string[]> = {
  cli: ['server', 'controller', 'drivers', 'registry', 'messages', 'store'],
  controller: ['registry', 'store'],
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
for (const file of globSync('**/*.{ts,js}', { cwd: src })
  .filter((name) => !name.endsWith('.d.ts'))
  .sort()) {
  const name = file.split('/')[0] ?? '';
  const text = readFileSync(join(src, file), 'utf8');
  const layer = layers.indexOf(name);
  if (layer < 0)
    problems.push(`src/${file}: ${name} is not a package; the packages are ${layers.join(', ')}`);
  for (const [, target = ''] of text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
    const path = relative(src, join(src, dirname(file), target));
    const other = path.split('/')[0] ?? '';
    if (other === name || other === '..') continue;
    if (layers.indexOf(other) < layer)
      problems.push(`src/${file} imports src/${path}: ${other} is in a higher layer than ${name}`);
    else if (forbidden[name]?.includes(other) === true)
      problems.push(`src/${file} imports src/${path}: ${name} must not import from ${other}`);
  }
  if (!pure.includes(name) || file.includes('.gen.')) continue;
  for (const [index, line] of text.split('\n').entries()) {
    const code = line
      .replace(/^\s*(\/\/|\*|\/\*).*$/, '')
      .replace(/'[^']*'|`[^`]*`/g, (quoted) => (line.includes('from ') ? quoted : "''"));
    for (const [pattern, what] of impure)
      if (pattern.test(code)) problems.push(`src/${file}:${index + 1} ${what}: ${name} is pure`);
  }
}
for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? 'The layers hold.' : `${problems.length} imports across the layers.`);
process.exitCode = problems.length === 0 ? 0 : 1;
