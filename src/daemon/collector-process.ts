import { closeSync, constants, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { collectorLock } from '../drivers/process/collector/collector-client.ts';
import { runCollector } from '../drivers/process/collector/log-collector.ts';
import { sleep, systemClock } from '../platform/clock.ts';
import { acquireLock, type Lock, LockedError } from '../platform/lock.ts';

/** Milliseconds that the previous collector may take to end. */
const takeOverMs = 10_000;

/**
 * The process that collects the output of agents on the process Runtime. It outlives the controller that started it.
 * Arguments: the folder of the instances, and the FIFO for commands in it.
 */
export async function collect([root = '', fifo = '']: readonly string[]): Promise<void> {
  const lock = await takeOver(root, fifo);
  if (lock === undefined) return;
  for (const other of otherFifos(root, fifo)) rmSync(other, { force: true });
  const collector = runCollector({ root, fifo, clock: systemClock });
  // Ends with code 1, so that its guard starts it again.
  const stop = (): void => {
    process.exitCode = 1;
    collector.quit();
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  await collector.ended;
  lock.release();
}

/** Takes the lock, so that there is never more than one collector. Returns undefined if another one keeps it. */
async function takeOver(root: string, fifo: string): Promise<Lock | undefined> {
  for (const deadline = Date.now() + takeOverMs; ; ) {
    try {
      return acquireLock(join(root, collectorLock));
    } catch (error) {
      if (!(error instanceof LockedError)) throw error;
      if (Date.now() >= deadline) return undefined;
    }
    for (const other of otherFifos(root, fifo)) askToQuit(other);
    await sleep(systemClock, 100);
  }
}

/** Returns the FIFOs of collectors of other versions. */
const otherFifos = (root: string, fifo: string): string[] =>
  readdirSync(root)
    .filter((name) => /^collector-.*\.in$/.test(name))
    .map((name) => join(root, name))
    .filter((path) => path !== fifo);

function askToQuit(fifo: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(fd, 'quit\n');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOENT' && code !== 'ENXIO' && code !== 'EPIPE' && code !== 'EAGAIN') throw error; // it has ended
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
