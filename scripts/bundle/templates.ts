import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';
import { templates } from '../../src/cli/init/templates.ts';

/** Puts what `agentctl init` writes into the bundle: the single executable has no folder beside it. */
export const templatesInside = (root: string): Plugin => ({
  name: 'templates-inside',
  setup(build) {
    build.onLoad({ filter: /\/cli\/init\/template-text\.ts$/ }, () => {
      const file = (name: string): string => join(root, 'manifests', `${name}.yaml`);
      const texts = Object.fromEntries(templates.map(({ name }) => [name, readFileSync(file(name), 'utf8')]));
      const contents = `const texts: Record<string, string> = ${JSON.stringify(texts)};
export const templateText = (name: string): string => texts[name] ?? '';`;
      return { contents, loader: 'ts', watchFiles: templates.map(({ name }) => file(name)) };
    });
  },
});
