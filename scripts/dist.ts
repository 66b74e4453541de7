/** Makes dist/agentctl: Node with the whole program inside (a single executable application). It needs no Node to run. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundleOptions, root } from './bundle/options.ts';

const executable = join(root, 'dist/agentctl');
const say = (step: string): void => console.log(`dist: ${step} ...`); // it takes a minute on a small machine
const work = mkdtempSync(join(tmpdir(), 'agentctl-dist-'));
try {
  const bundle = join(work, 'agentctl.cjs');
  const blob = join(work, 'agentctl.blob');
  const config = join(work, 'sea.json');
  say('bundling the program');
  await build({ ...bundleOptions, entryPoints: [join(root, 'src/cli/single.ts')], outfile: bundle });
  writeFileSync(
    config,
    JSON.stringify({
      main: bundle,
      output: blob,
      disableExperimentalSEAWarning: true,
      useCodeCache: true,
      execArgvExtension: 'none',
    }),
  );
  say('compiling it');
  execFileSync(process.execPath, ['--experimental-sea-config', config], { stdio: 'pipe' });
  mkdirSync(join(root, 'dist'), { recursive: true });
  rmSync(executable, { force: true });
  copyFileSync(process.execPath, executable);
  chmodSync(executable, 0o755);
  // Its warnings about the notes of Node's own file are of no use to anybody. The fuse is Node's:
  // nodejs.org/api/single-executable-applications.html
  const postject = [join(root, 'node_modules/postject/dist/cli.js'), executable, 'NODE_SEA_BLOB', blob];
  say('putting it into a copy of Node');
  const fuse = ['--sentinel-fuse', 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'];
  execFileSync(process.execPath, [...postject, ...fuse], { stdio: 'pipe' });
  console.log(`${executable}: ${Math.round(statSync(executable).size / 1024 / 1024)} MiB`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
