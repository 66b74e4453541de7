import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The manifest of that template. The bundle has the texts inside: see scripts/bundle/templates.ts. */
export const templateText = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../../../manifests', `${name}.yaml`), 'utf8');
