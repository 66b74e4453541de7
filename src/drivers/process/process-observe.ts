import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signalName } from '../../api/signal.ts';
import type { Observed, ObservedExit } from '../../plan/world.ts';
import { ignoring } from '../../platform/code.ts';
import { type Marks, markTime, type Run, readMarks } from './layout.ts';
import { living } from './proc.ts';

/**
 * Everything that is not in the metadata is in the marks, except the times. The run's folder may disappear at any
 * moment: then throws ENOENT.
 */
export function present(ref: string, run: Run, { main, exit }: Marks): Observed {
  const { identity, bootId } = run.meta;
  const about = {
    ref,
    instanceUid: identity.uid,
    namespace: identity.namespace,
    instance: identity.instance,
    agent: identity.agent,
    run: run.number,
    revision: identity.revision,
    controllerVersion: identity.controllerVersion,
  };
  // Until the main process has left its mark, the program does not run.
  if (main === undefined) return { ...about, state: 'Created' };
  const started = {
    startId: `${bootId}:${main.pid}:${main.start}`,
    startedAt: markTime(run.folder, `pid.${main.pid}.${main.start}`),
  };
  if (exit !== undefined) return { ...about, ...started, state: 'Exited', exit: exitOf(run.folder, exit) };
  return { ...about, ...started, state: living(main)?.state === 'T' ? 'Paused' : 'Running' };
}

/**
 * Returns the marks, with the exit that no shim will write any more: the host was rebooted, or the shim was killed and
 * the main process has ended since. That exit is written once, so that its time does not change.
 */
export function settledMarks(run: Run, bootId: string): Marks {
  const marks = readMarks(run.folder);
  if (marks.main === undefined || marks.exit !== undefined) return marks;
  const rebooted = run.meta.bootId !== bootId;
  if (!rebooted && lives(marks)) return marks;
  // The shim writes before it ends. Now that it has ended, a second read is final.
  const again = readMarks(run.folder);
  if (again.exit !== undefined) return again;
  touch(join(run.folder, rebooted ? 'exit.137.reboot' : 'exit.137.lost'));
  return readMarks(run.folder);
}

/** Whether anything still runs, or will still record the exit. */
export const lives = ({ main, shim }: Marks): boolean =>
  [main, shim].some((id) => id !== undefined && living(id) !== undefined);

function touch(path: string): void {
  ignoring(() => writeFileSync(path, '', { flag: 'wx', mode: 0o600 }), 'EEXIST', 'ENOENT');
}

function exitOf(folder: string, exit: NonNullable<Marks['exit']>): ObservedExit {
  const finishedAt = markTime(folder, exit.file);
  switch (exit.by) {
    case 'shim':
      return { code: exit.code, ...signalOf(exit.code), finishedAt, cause: 'Agent' };
    case 'lost':
      return {
        code: exit.code,
        finishedAt,
        cause: 'Agent',
        message: 'The exit code is unknown: the shim that waited for the process was killed.',
      };
    case 'reboot':
      return { code: exit.code, finishedAt, cause: 'Runtime', message: 'The host was restarted.' };
  }
}

/** A shell reports the end by signal n as 128 + n. */
function signalOf(code: number): { signal?: string } {
  const number = code - 128;
  return number >= 1 && number <= 64 ? { signal: signalName(number) } : {};
}
