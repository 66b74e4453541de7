import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { killAllWith } from '../../../src/sources/git/git-command.ts';

const variable = 'AGENTCTL_TEST_MARK';

function withMark(mark: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${variable}=${mark}\0`);
    } catch {
      return false; // gone, or no process
    }
  });
}

test.skipIf(!existsSync('/proc'))(
  'a process that is started while others are killed is killed too',
  async () => {
    const mark = randomUUID();
    const one = `env ${variable}=${mark} sleep 300`;
    const parent = spawn('sh', ['-c', `${one}; ${one}`], { stdio: 'ignore' });
    const ended = once(parent, 'exit');
    await expect.poll(() => withMark(mark).length).toBe(1);
    await killAllWith(variable, mark);
    await ended;
    expect(withMark(mark)).toEqual([]);
  },
);
