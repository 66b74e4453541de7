import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { timed, until } from '../measure.ts';

/** A program that tells by a byte in a file that it runs. */
export const marking = (marks: string): string => `printf x >>${marks}; exec sleep 1000`;

/** Milliseconds until so many processes run that a loop of a shell starts, each by `setsid`; and until all have ended. */
export async function bareLoop(folder: string, count: number): Promise<{ start: number; end: number }> {
  const [marks, pids] = [join(folder, 'loop-marks'), join(folder, 'loop-pids')];
  writeFileSync(marks, '');
  const one = `setsid sh -c '${marking(marks)}' </dev/null >/dev/null 2>&1 & echo $!`;
  const loop = `n=0; while [ $n -lt ${count} ]; do ${one}; n=$((n+1)); done >${pids}; wait`;
  const shell = spawn('sh', ['-c', loop], { stdio: 'ignore' });
  const ended = once(shell, 'exit');
  const start = await timed(() => until(() => statSync(marks).size >= count));
  const end = await timed(async () => {
    for (const pid of readFileSync(pids, 'utf8').trim().split('\n')) process.kill(Number(pid), 'SIGTERM');
    await ended;
  });
  return { start, end };
}
