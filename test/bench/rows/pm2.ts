import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { timed, until } from '../measure.ts';
import { marking } from './loop.ts';

const run = promisify(execFile);
const version = '7.0.4';

/** A process manager that people use, in a folder of its own. */
export interface Pm2 extends AsyncDisposable {
  /** Milliseconds until so many processes run, and until pm2 has deleted them. */
  startAndDelete(count: number): Promise<{ start: number; end: number }>;
}

/** Undefined where npm cannot install it. */
export async function openPm2(): Promise<Pm2 | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-bench-pm2-'));
  const env = { PATH: process.env.PATH, HOME: folder, PM2_HOME: join(folder, 'home') };
  const options = { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 };
  const pm2 = (...args: string[]) =>
    run(process.execPath, [join(folder, 'node_modules/pm2/bin/pm2'), ...args], options);
  const install = [
    'install',
    '--prefix',
    folder,
    '--no-fund',
    '--no-audit',
    '--loglevel=error',
    `pm2@${version}`,
  ];
  const failed = await run('npm', install).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failed !== undefined) {
    console.error(`pm2 cannot be installed: ${failed}`);
    rmSync(folder, { recursive: true, force: true });
    return undefined;
  }
  const marks = join(folder, 'marks');
  await pm2('ping'); // starts its daemon
  return {
    async startAndDelete(count) {
      writeFileSync(marks, '');
      const apps = Array.from({ length: count }, (_, n) => ({
        name: `bench-${n}`,
        script: '/bin/sh',
        args: ['-c', marking(marks)],
        interpreter: 'none',
        min_uptime: 1000,
      }));
      const file = join(folder, 'bench.config.json');
      writeFileSync(file, JSON.stringify({ apps }));
      const start = await timed(async () => {
        await pm2('start', file, '--silent');
        await until(() => statSync(marks).size >= count);
      });
      return { start, end: await timed(() => pm2('delete', 'all', '--silent')) };
    },
    async [Symbol.asyncDispose]() {
      await pm2('kill');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
