import { readFileSync } from 'node:fs';
import { decode, positions } from '../api/manifest/chunks.ts';
import { CliError } from './failure.ts';

/**
 * Returns the text of a file. Throws with the line if it is not valid text: otherwise different bytes would be written.
 */
export function readText(path: string): string {
  try {
    return textIn(readFileSync(path), path);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** Like readText. The error shows no bytes, which may be part of a secret. */
export function textIn(bytes: Uint8Array, path: string): string {
  const { text, fault } = decode(bytes);
  if (fault === undefined) return text;
  const { line } = positions(text)(fault.offset);
  throw new CliError(`${path}:${line}: expected text in UTF-8: save the file as UTF-8`);
}
