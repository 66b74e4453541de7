import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Cli } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { textIn } from '../text-file.ts';

export interface DataOptions {
  fromLiteral?: string[];
  fromFile?: string[];
  fromEnvFile?: string[];
}

/** Data from flags: in base64 for a Secret, as text (or binaryData where it is none) for a ConfigMap. */
export async function literalsOf(
  options: DataOptions,
  cli: Pick<Cli, 'stdin'>,
  as: 'base64' | 'text',
): Promise<{ data: Record<string, string>; binaryData?: Record<string, string> }> {
  const values = new Map<string, Uint8Array>();
  const put = (key: string, value: Uint8Array, flag: string): void => {
    if (!/^[-._a-zA-Z0-9]+$/.test(key)) {
      throw new UsageError(
        `${flag}: found the key ${JSON.stringify(key)}, expected letters, digits, -, _ and .`,
      );
    }
    if (values.has(key)) throw new UsageError(`${flag}: duplicate key ${key}`);
    values.set(key, value);
  };
  for (const text of options.fromLiteral ?? []) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    // The value may be a secret, so no part of it is shown.
    if (key === undefined || value === undefined) throw new UsageError('--from-literal: expected key=value');
    put(key, Buffer.from(value), '--from-literal');
  }
  for (const text of options.fromFile ?? []) {
    for (const [key, bytes] of await filesOf(text, cli)) put(key, bytes, '--from-file');
  }
  for (const path of options.fromEnvFile ?? []) {
    for (const [key, value] of envLines(textIn(read(path, '--from-env-file'), path), path)) {
      put(key, Buffer.from(value), '--from-env-file');
    }
  }
  return encode(values, as);
}

function encode(values: ReadonlyMap<string, Uint8Array>, as: 'base64' | 'text') {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  if (as === 'base64')
    return { data: Object.fromEntries([...values].map(([key, bytes]) => [key, base64(bytes)])) };
  const isText = (bytes: Uint8Array): boolean => Buffer.from(Buffer.from(bytes).toString()).equals(bytes);
  const texts = [...values].filter(([, bytes]) => isText(bytes));
  const binary = [...values].filter(([, bytes]) => !isText(bytes));
  return {
    data: Object.fromEntries(texts.map(([key, bytes]) => [key, Buffer.from(bytes).toString()])),
    ...(binary.length === 0
      ? {}
      : { binaryData: Object.fromEntries(binary.map(([key, bytes]) => [key, base64(bytes)])) }),
  };
}

async function filesOf(text: string, cli: Pick<Cli, 'stdin'>): Promise<[string, Uint8Array][]> {
  const [, key, path = text] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (path === '-' || path === '/dev/stdin') {
    if (key === undefined)
      throw new UsageError('--from-file: standard input requires a key: --from-file=KEY=-');
    return [[key, await cli.stdin()]];
  }
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!folder) return [[key ?? basename(path), read(path, '--from-file')]];
  if (key !== undefined) throw new UsageError(`--from-file: ${path} is a folder and cannot have a key`);
  const entries = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map(({ name }) => [name, read(join(path, name), '--from-file')]);
}

function read(path: string, flag: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(`${flag}: ${path} cannot be read: ${why}`, { cause });
  }
}

/** Lines of KEY=value as kubectl reads them: # comments, no quoting, a key alone is refused. */
function envLines(text: string, path: string): [string, string][] {
  return text.split(/\r?\n/).flatMap((line, index): [string, string][] => {
    if (/^\s*(#.*)?$/.test(line)) return [];
    const [, key, value] = /^\s*([A-Za-z_][\w.-]*)=(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined)
      throw new CliError(`${path}:${index + 1}: expected KEY=value`);
    return [[key, value]];
  });
}
