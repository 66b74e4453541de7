/**
 * Holds the floors of src: a room imports only from lower ones, type imports too. In the pure rooms it also refuses
 * clocks, randomness, IO and async.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const src = join(import.meta.dirname, '../src');

/** Top to bottom. */
const floors = [
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
  const room = file.split('/')[0] ?? '';
  const text = readFileSync(join(src, file), 'utf8');
  const floor = floors.indexOf(room);
  if (floor < 0)
    problems.push(`src/${file}: ${room} is no room of the house; floors are ${floors.join(', ')}`);
  for (const [, target = ''] of text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
    const path = relative(src, join(src, dirname(file), target));
    const other = path.split('/')[0] ?? '';
    if (other === room || other === '..') continue;
    if (floors.indexOf(other) < floor)
      problems.push(`src/${file} imports src/${path}: ${other} is above ${room}`);
    else if (forbidden[room]?.includes(other) === true)
      problems.push(`src/${file} imports src/${path}: ${room} must not know ${other}`);
  }
  if (!pure.includes(room) || file.includes('.gen.')) continue;
  for (const [index, line] of text.split('\n').entries()) {
    const code = line
      .replace(/^\s*(\/\/|\*|\/\*).*$/, '')
      .replace(/'[^']*'|`[^`]*`/g, (quoted) => (line.includes('from ') ? quoted : "''"));
    for (const [pattern, what] of impure)
      if (pattern.test(code)) problems.push(`src/${file}:${index + 1} ${what}: ${room} is pure`);
  }
}
for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? 'The floors hold.' : `${problems.length} breaches of the floors.`);
process.exitCode = problems.length === 0 ? 0 : 1;
