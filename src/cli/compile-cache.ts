/**
 * Caches compiled code in a folder of this user, so that the next start is faster. Node's default is a name in the
 * temporary folder, where another user could put code that this user would run. If the folder cannot be created, or
 * others can write to it, nothing is cached. Imports nothing, because the bundle calls it before it checks Node's
 * version.
 */
export function cacheCode(environment: Readonly<Record<string, string | undefined>>): void {
  const { lstatSync, mkdirSync } = process.getBuiltinModule('node:fs');
  const { homedir } = process.getBuiltinModule('node:os');
  const { join } = process.getBuiltinModule('node:path');
  try {
    const folder = join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'agentctl', 'code');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const each of [folder, join(folder, '..')]) {
      const found = lstatSync(each);
      if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) return;
    }
    process.getBuiltinModule('node:module').enableCompileCache(folder);
  } catch {
    // For example a read-only or full home: then the start only takes longer.
  }
}
