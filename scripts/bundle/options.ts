import { join } from 'node:path';
import type { BuildOptions } from 'esbuild';

export const root = join(import.meta.dirname, '../..');

/** What both bundles and the single executable share. */
export const bundleOptions = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  minify: true,
  // Native add-ons that ssh2 goes without.
  external: ['*.node', 'cpu-features'],
  logLevel: 'warning',
} satisfies BuildOptions;
