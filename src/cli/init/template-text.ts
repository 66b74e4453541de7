import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the manifest of that template. The bundle contains the texts: see scripts/bundle/templates.ts. */
export const templateText = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../../../manifests', `${name}.yaml`), 'utf8');
