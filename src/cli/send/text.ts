import { readFileSync } from 'node:fs';
import type { Cli } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';

/** What is to be said: words of the command line, a file, or standard input where neither is given. Never empty. */
export async function textToSend(
  words: readonly string[],
  filename: string | undefined,
  cli: Pick<Cli, 'stdin' | 'terminal'>,
): Promise<string> {
  if (words.length > 0 && filename !== undefined) {
    throw new UsageError('a text cannot be combined with -f');
  }
  if (words.length > 0) return nonEmpty(words.join(' '), 'the text');
  if (filename !== undefined && filename !== '-') return nonEmpty(decode(read(filename), filename), filename);
  if (filename === undefined && cli.terminal.in) {
    throw new UsageError('specify the text: as an argument, with -f FILE, or on standard input');
  }
  return nonEmpty(decode(await cli.stdin(), 'standard input'), 'standard input');
}

function nonEmpty(text: string, where: string): string {
  const trimmed = text.replace(/\r?\n$/, '');
  if (trimmed.trim() === '') throw new UsageError(`${where} is empty: there is nothing to send`);
  return trimmed;
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(`${path} cannot be read: ${why}`, { cause });
  }
}

function decode(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CliError(`${where} is not UTF-8 text; only text can be sent to agents`, { cause });
  }
}
