import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const length = 32;

/** The key of the HMACs in Revisions, made at the first start: whole or not at all, on a full disk too. */
export function readKey(path: string): Uint8Array {
  if (!existsSync(path)) {
    writeFileSync(`${path}.new`, randomBytes(length), { mode: 0o600, flush: true });
    renameSync(`${path}.new`, path);
  }
  const key = readFileSync(path);
  if (key.length === length) return key;
  throw new Error(
    `${path} is damaged: it has ${key.length} bytes, expected ${length}. Restore it from a backup, or remove it: a new one is created, and agents with restartOn SecretChange restart once.`,
  );
}
