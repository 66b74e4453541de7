import { readFileSync } from 'node:fs';
import { decode, positions } from '../api/manifest/text.ts';
import { CliError } from './failure.ts';

/** The text of a file, or an error that names the line where it is none: else other bytes would be written than stand there. */
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

/** As readText. The error tells no byte: it may be one of a secret. */
export function textIn(bytes: Uint8Array, path: string): string {
  const { text, fault } = decode(bytes);
  if (fault === undefined) return text;
  const { line } = positions(text)(fault.offset);
  throw new CliError(`${path}:${line}: expected text in UTF-8: save the file as UTF-8`);
}
