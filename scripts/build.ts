/**
 * Bundles the command line into dist/: agentctl.mjs starts, agentctl.cjs holds the verbs, daemon.cjs what `serve` needs on
 * top. CommonJS, since a start from many ES modules takes 10 ms longer.
 */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { bundleOptions, root } from './bundle/options.ts';

const dist = join(root, 'dist');

/** Leaves the daemon to a file of its own, so that no other verb reads it. */
const daemonApart: Plugin = {
  name: 'daemon-apart',
  setup(build) {
    build.onResolve({ filter: /\/daemon\/main\.ts$/ }, () => ({ path: './daemon.cjs', external: true }));
  },
};

for (const old of ['agentctl.mjs', 'agentctl.cjs', 'daemon.cjs', 'chunks']) {
  rmSync(join(dist, old), { recursive: true, force: true });
}
mkdirSync(dist, { recursive: true });
await Promise.all([
  build({
    ...bundleOptions,
    entryPoints: [join(root, 'src/cli/process.ts')],
    outfile: join(dist, 'agentctl.cjs'),
    plugins: [daemonApart],
  }),
  build({
    ...bundleOptions,
    entryPoints: [join(root, 'src/daemon/main.ts')],
    outfile: join(dist, 'daemon.cjs'),
  }),
]);
writeFileSync(
  join(dist, 'agentctl.mjs'),
  `#!/usr/bin/env node
if (Number.parseInt(process.versions.node, 10) < 24) {
  console.error(\`error: agentctl needs Node 24 or later, found \${process.version}. Or build the executable that needs none: make dist\`);
  process.exit(1);
}
const { createRequire, enableCompileCache } = process.getBuiltinModule('node:module');
enableCompileCache();
await createRequire(import.meta.url)('./agentctl.cjs').main();
`,
);
chmodSync(join(dist, 'agentctl.mjs'), 0o755);
