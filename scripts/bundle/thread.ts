import { join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';

/** Puts the code of the parser's thread into the bundle as a text: neither the single executable nor a package needs a file for it. */
export const threadInside = (root: string, options: BuildOptions): Plugin => ({
  name: 'thread-inside',
  setup(outer) {
    outer.onLoad({ filter: /\/sources\/parsing\/start-thread\.ts$/ }, async () => {
      const { outputFiles, metafile } = await build({
        ...options,
        entryPoints: [join(root, 'src/sources/parsing/entry.ts')],
        metafile: true,
        write: false,
      });
      const [code] = (outputFiles ?? []).map(({ text }) => text);
      const contents = `import { type ResourceLimits, Worker } from 'node:worker_threads';
const code = ${JSON.stringify(code)};
export const startThread = (resourceLimits: ResourceLimits): Worker =>
  new Worker(code, { eval: true, resourceLimits, env: {}, execArgv: [], name: 'parser' });`;
      const watchFiles = Object.keys(metafile?.inputs ?? {}).map((file) => join(root, file));
      return { contents, loader: 'ts', watchFiles };
    });
  },
});
