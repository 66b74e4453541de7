import { join } from 'node:path';
import type { BuildOptions } from 'esbuild';
import { templatesInside } from './templates.ts';
import { threadInside } from './thread.ts';

export const root = join(import.meta.dirname, '../..');

/**
 * What libraries bring for uses that are not ours: dockerode for builds and an ssh of its own, prom-client for tracing. It is
 * most of their weight.
 */
const unused = [
  'ssh2',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'protobufjs',
  'tar-fs',
  '@balena/dockerignore',
  '@opentelemetry/api',
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
