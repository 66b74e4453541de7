import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import { engineAt, type TestEngine } from './engine.ts';

const script = join(import.meta.dirname, '../../scripts/engines.sh');
const run = promisify(execFile);

/** An engine that the test alone uses, so that it may stop it. */
export interface OwnEngine extends TestEngine {
  /** The folder of its images and containers. */
  data: string;
  /** Ends dockerd, by the signal, and waits for that. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

export async function startOwnDocker(
  options: { diskMegabytes?: number; flags?: string } = {},
): Promise<OwnEngine> {
  const folder = mkdtempSync('/tmp/agentctl-dockerd-');
  const data = join(folder, 'data');
  if (options.diskMegabytes !== undefined) {
    mkdirSync(data);
    await run('mount', ['-t', 'tmpfs', '-o', `size=${options.diskMegabytes}m`, 'tmpfs', data]);
  }
  const env = { ...process.env, ...(options.flags && { AGENTCTL_DOCKERD_FLAGS: options.flags }) };
  const start = async (): Promise<void> => void (await run('sh', [script, 'up', 'docker', folder], { env }));
  await start();
  return {
    ...engineAt(join(folder, 'docker.sock')),
    data,
    start,
    async stop(signal) {
      const pid = Number(readFileSync(join(folder, 'dockerd.pid'), 'utf8'));
      process.kill(pid, signal);
      await vi.waitFor(() => stillRuns(pid), { timeout: 60_000, interval: 50 });
    },
    remove: async () => void (await run('sh', [script, 'down', 'docker', folder])),
  };
}

/** A zombie waits for its parent and runs no more. */
function stillRuns(pid: number): void {
  let state = 'Z';
  try {
    state = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] ?? 'Z';
  } catch {
    return;
  }
  if (state !== 'Z') throw new Error(`dockerd (${pid}) still runs`);
}
