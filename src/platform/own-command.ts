import { isSea } from 'node:sea';

/** Returns the command line that runs this program: the single executable, the bundle or the sources. */
export function ownCommand(): string[] {
  const script = process.argv[1];
  return isSea() || script === undefined ? [process.execPath] : [process.execPath, script];
}
