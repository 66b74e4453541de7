import { readFileSync } from 'node:fs';
import type { ControllerUser } from '../plan/allow.ts';
import { ignoring } from '../platform/code.ts';

let known: ControllerUser | undefined;

/** Returns the user of this process, with all names that the host's passwd file has for it. Read once. */
export function ownUser(): ControllerUser {
  known ??= userOf(process.getuid?.() ?? 0, passwd());
  return known;
}

/** @param text the content of a passwd file */
export function userOf(uid: number, text: string): ControllerUser {
  const entries = text.split('\n').map((line) => line.split(':'));
  const names = entries.flatMap(([name = '', _, number]) => (number === String(uid) ? [name] : []));
  return { uid, names };
}

/** A host without a passwd file has no names. */
function passwd(): string {
  return ignoring(() => readFileSync('/etc/passwd', 'utf8'), 'ENOENT') ?? '';
}
