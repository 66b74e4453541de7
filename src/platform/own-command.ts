import { isSea } from 'node:sea';

/** The command line that runs this program itself: the single executable, the bundle or the sources. */
export function ownCommand(): string[] {
  const script = process.argv[1];
  return isSea() || script === undefined ? [process.execPath] : [process.execPath, script];
}
