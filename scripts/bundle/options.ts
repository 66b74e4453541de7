import { join } from 'node:path';
import type { BuildOptions } from 'esbuild';
import { templatesInside } from './templates.ts';
import { threadInside } from './thread.ts';

export const root = join(import.meta.dirname, '../..');

/** What dockerode brings for builds and for an ssh of its own; the driver uses neither, and they are most of its weight. */
const unused = [
  'ssh2',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'protobufjs',
  'tar-fs',
  '@balena/dockerignore',
];

const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  minify: true,
  alias: Object.fromEntries(unused.map((name) => [name, join(import.meta.dirname, 'unused.ts')])),
  logLevel: 'warning',
} satisfies BuildOptions;

/** What both bundles and the single executable share. */
export const bundleOptions = {
  ...common,
  plugins: [templatesInside(root), threadInside(root, common)],
} satisfies BuildOptions;
