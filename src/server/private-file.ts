import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ignoringAsync } from '../platform/code.ts';

/** Returns undefined if there is no file. */
export async function readText(path: string): Promise<string | undefined> {
  return ignoringAsync(readFile(path, 'utf8'), 'ENOENT');
}

/** Writes a file that only its owner can read from the first byte (0600, folder 0700), atomically. */
export async function writePrivate(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${randomUUID()}`;
  await writeFile(beside, text, { mode: 0o600, flag: 'wx' });
  await rename(beside, path);
}
