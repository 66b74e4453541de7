import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { DriverError, type DriverFeatures } from '../driver.ts';
import { environmentOf } from './environment.ts';
import { environmentUnknown } from './failures.ts';
import type { Marks, Run } from './layout.ts';
import { createLeftovers, markVariable } from './leftovers.ts';
import { living, type ProcessId } from './proc.ts';
import { execute, executeAs } from './process-exec.ts';
import type { Tools } from './tools.ts';
import { asUser, findUser } from './user.ts';

/** Runs commands as the instance would: as its user, in its folder, with the environment that its run was given. */
export interface Inside {
  exec: DriverFeatures['exec'];
  /** Records the environment of a run. It may contain secrets, so it is kept only in memory. */
  given(ref: string, run: number, env: Readonly<Record<string, string>>): void;
  forget(ref: string): void;
  /** Kills processes left by commands that an earlier controller ran. */
  clear(): void;
  close(): void;
}

export function createInside(parts: {
  clock: Clock;
  log: Log;
  tools: Tools;
  root: string;
  /** Throws if there is none. */
  runOf: (ref: string) => Run;
  marksOf: (run: Run) => Marks;
}): Inside {
  const { clock, log, tools, root, runOf, marksOf } = parts;
  const leftovers = createLeftovers(clock, log, root);
  /** By ref: the environment of its newest run. */
  const known = new Map<string, { run: number; env: Readonly<Record<string, string>> }>();

  return {
    async exec(ref, command, { timeout, signal, spec }) {
      const run = runOf(ref);
      const { main } = marksOf(run);
      if (main === undefined || living(main) === undefined)
        throw new DriverError('Retryable', 'NotRunning', `the process of ${ref} does not run`);
      const user = run.meta.user === undefined ? undefined : await findUser(run.meta.user);
      const change = user === undefined ? undefined : asUser(tools, user);
      let given = known.get(ref);
      if (given?.run !== run.number) {
        if (spec === undefined) throw environmentUnknown(ref);
        given = { run: run.number, env: environmentOf(await spec(), user) };
        known.set(ref, given);
      }
      const mark = leftovers.take();
      const execution = {
        command,
        env: { ...given.env, [markVariable]: mark },
        workingDir: run.meta.workingDir,
        timeout,
        signal,
        killLeft: (leader: ProcessId | undefined) => {
          leftovers.giveBack(mark);
          return leftovers.kill(leader);
        },
      };
      try {
        return await (change === undefined
          ? execute(clock, execution)
          : executeAs(clock, tools, { ...execution, user: change }));
      } finally {
        leftovers.giveBack(mark);
      }
    },
    given: (ref, run, env) => void known.set(ref, { run, env }),
    forget: (ref) => void known.delete(ref),
    clear: () => void leftovers.kill(),
    close: () => leftovers.close(),
  };
}
