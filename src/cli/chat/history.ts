import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isCode } from '../../platform/code.ts';

/** Lines of earlier chats, newest first, as line editing requires. */
export interface History {
  readonly size: number;
  lines(): string[];
  keep(lines: readonly string[]): void;
  /** Writes the file. */
  save(): void;
}

const size = 1000;

/** Stored in a file with one entry a line, oldest first. */
export function fileHistory(path: string, warn: (text: string) => void): History {
  let all = read(path, warn);
  let changed = false;
  return {
    size,
    lines: () => [...all],
    keep(lines) {
      all = lines.slice(0, size);
      changed = true;
    },
    save() {
      if (!changed) return;
      try {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        writeFileSync(
          path,
          all
            .map((line) => `${line}\n`)
            .toReversed()
            .join(''),
          { mode: 0o600 },
        );
      } catch (error) {
        warn(`the history is not saved: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  };
}

function read(path: string, warn: (text: string) => void): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .toReversed()
      .slice(0, size);
  } catch (error) {
    if (!isCode(error, 'ENOENT'))
      warn(`the history cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}
