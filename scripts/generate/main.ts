import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSchemas } from './schemas.ts';
import { generateTypes } from './types.ts';

const root = join(import.meta.dirname, '../..');
const { common, kinds } = readSchemas();
mkdirSync(join(root, 'src/api/gen'), { recursive: true });
writeFileSync(
  join(root, 'src/api/gen/types.gen.ts'),
  generateTypes(
    common,
    kinds.map(({ info, raw }) => ({ info, schema: raw })),
  ),
);
