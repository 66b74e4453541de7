/** Writes everything that is generated from schemas/, the pages of commands and metrics, and the picture of the layers. With --check it writes nothing, and exits 1 where a file is out of date. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generateCommands } from './commands.ts';
import { generateCrds } from './crds.ts';
import { generateKinds } from './kinds.ts';
import { generateLayers } from './layers.ts';
import { generateMetrics } from './metrics.ts';
import { generateReference } from './reference.ts';
import { readSchemas } from './schemas.ts';
import { generateTypes } from './types.ts';
import { generateValidators } from './validators.ts';

const root = join(import.meta.dirname, '../..');
const { files, common, kinds } = readSchemas();
const crds = generateCrds(kinds);
const wanted = new Map<string, string>([
  [
    'src/api/gen/types.gen.ts',
    generateTypes(
      common,
      kinds.map(({ info, raw }) => ({ info, schema: raw })),
    ),
  ],
  ...generateKinds(kinds),
  ...generateValidators(files, kinds),
  ...crds,
  ['schemas/README.md', generateReference(kinds)],
  ['docs/layers.svg', generateLayers()],
  ['docs/metrics.md', generateMetrics()],
  ['docs/commands.md', generateCommands(readFileSync(join(root, 'test/golden/cli/help.txt'), 'utf8'))],
]);
const leftOver = ['schemas/crds', 'src/api/gen']
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`))
  .filter((path) => !wanted.has(path));

const read = (path: string): string | undefined =>
  existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined;
const outOfDate = [...wanted].filter(([path, text]) => read(path) !== text).map(([path]) => path);

if (process.argv.includes('--check')) {
  for (const path of [...outOfDate, ...leftOver]) {
    console.error(`${path} is out of date: run make generate`);
    process.exitCode = 1;
  }
} else {
  for (const path of leftOver) rmSync(join(root, path));
  for (const path of outOfDate) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), wanted.get(path) ?? '');
  }
}
