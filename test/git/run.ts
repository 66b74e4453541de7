import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** What git needs to know, and nothing of the configuration of the machine or the user. */
export const cleanEnvironment = (home: string): Record<string, string> => ({
  PATH: process.env.PATH ?? '/usr/bin:/bin',
  HOME: home,
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
});

export interface Place {
  cwd: string;
  env: Record<string, string>;
}

/** Runs a program to its end and answers what it printed, trimmed; fails with what it said on stderr. */
export async function run(program: string, args: readonly string[], place: Place): Promise<string> {
  const { stdout } = await exec(program, args, { ...place, maxBuffer: 256 * 1024 * 1024 });
  return stdout.trim();
}
