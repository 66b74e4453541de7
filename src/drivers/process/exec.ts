import { spawn } from 'node:child_process';
import type { Clock } from '../../platform/clock.ts';
import { DriverError } from '../driver.ts';
import { sendKill } from './reap.ts';

const maxOutputBytes = 64 * 1024;

export interface Execution {
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  workingDir: string;
  /** Milliseconds; afterwards its process group is killed. */
  timeout: number;
}

/**
 * Runs a command to its end, with the first 64 KiB of its output. One that cannot be executed has the code 127 or 126.
 * Throws ExecTimeout.
 */
export function execute(clock: Clock, execution: Execution): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const [program = '', ...args] = execution.command;
    const chunks: Buffer[] = [];
    let bytes = 0;
    const keep = (chunk: Buffer): void => {
      chunks.push(chunk.subarray(0, Math.max(0, maxOutputBytes - bytes)));
      bytes += chunk.length;
    };
    const clear = (): void => {
      cancel();
      // Whatever it left behind in its group, and what holds its output open.
      if (child.pid !== undefined) sendKill(-child.pid);
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const finish = (code: number, note = ''): void => {
      clear();
      resolve({ code, output: Buffer.concat(chunks).toString() + note });
    };
    const child = spawn(program, args, {
      cwd: execution.workingDir,
      env: execution.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const cancel = clock.after(execution.timeout, () => {
      clear();
      const message = `the command ${program} did not end within ${execution.timeout} ms and was killed`;
      reject(new DriverError('Retryable', 'ExecTimeout', message));
    });
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ENOENT' ? 127 : 126, error.message),
    );
    // The output may still be on its way when the program has ended.
    child.once('exit', (code) => setImmediate(() => finish(code ?? 137)));
  });
}
