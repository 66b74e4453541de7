/**
 * Bundles the command line into dist/: agentctl.mjs starts, agentctl.cjs holds the verbs, daemon.cjs and mcp.cjs what
 * `serve` and `mcp` need on top, collector.cjs the process that collects output. CommonJS, since a start from many ES modules takes 10 ms longer.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin, transform } from 'esbuild';
import { collectWord } from '../src/daemon/own-program.ts';
import { bundleOptions, root } from './bundle/options.ts';

const dist = join(root, 'dist');

/** Leaves what is large to files of their own, so that no other verb reads them. Fails if one is not found. */
const largeApart: Plugin = {
  name: 'large-apart',
  setup(build) {
    const apart = new Map([
      ['daemon/daemon.ts', './daemon.cjs'],
      ['mcp/mcp-start.ts', './mcp.cjs'],
    ]);
    const found = new Set<string>();
    build.onResolve({ filter: /\.ts$/ }, ({ path }) => {
      for (const [end, file] of apart)
        if (path.endsWith(`/${end}`)) {
          found.add(end);
          return { path: file, external: true };
        }
      return undefined;
    });
    build.onEnd(() => {
      for (const end of apart.keys()) if (!found.has(end)) throw new Error(`nothing imports ${end}`);
    });
  },
};

mkdirSync(dist, { recursive: true });
await Promise.all([
  bundle('src/cli/cli-process.ts', 'agentctl.cjs', [largeApart]),
  bundle('src/daemon/daemon.ts', 'daemon.cjs', []),
  bundle('src/cli/mcp/mcp-start.ts', 'mcp.cjs', []),
  bundle('src/daemon/collector-process.ts', 'collector.cjs', []),
]);
// An older Node must be able to read this file.
replace(
  'agentctl.mjs',
  `#!/usr/bin/env node
if (Number.parseInt(process.versions.node, 10) < 24) {
  console.error(\`error: agentctl needs Node 24 or later, found \${process.version}. Or build the executable that needs none: make dist\`);
  process.exit(1);
}
${await sourceOf('src/cli/compile-cache.ts', 'cacheCode')}
cacheCode(process.env);
const { createRequire } = process.getBuiltinModule('node:module');
const require = createRequire(import.meta.url);
if (process.argv[2] === '${collectWord}') await require('./collector.cjs').collect(process.argv.slice(3));
else await require('./agentctl.cjs').main();
`,
);

async function bundle(entry: string, name: string, plugins: Plugin[]): Promise<void> {
  const { outputFiles } = await build({
    ...bundleOptions,
    entryPoints: [join(root, entry)],
    plugins: [...bundleOptions.plugins, ...plugins],
    write: false,
  });
  for (const { contents } of outputFiles) replace(name, contents);
}

/** A function of a file that imports nothing, as JavaScript. */
async function sourceOf(file: string, name: string): Promise<string> {
  const { code } = await transform(readFileSync(join(root, file), 'utf8'), {
    loader: 'ts',
    target: 'es2020',
  });
  return `${code.replace(`export function ${name}`, `function ${name}`).replace(/\bexport \{[^}]*\};/, '')}`;
}

/** At once, so that nobody finds half a file or none. */
function replace(name: string, contents: Uint8Array | string): void {
  const [path, next] = [join(dist, name), join(dist, `.${name}.${process.pid}`)];
  writeFileSync(next, contents, { mode: 0o755 });
  renameSync(next, path);
}
