import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file whose writes are waited for until the disk has them: what anything durable costs at least. */
export interface SyncedFile extends Disposable {
  /** Writes them in one go, and syncs once. */
  write(...values: readonly string[]): void;
}

export function syncedFile(): SyncedFile {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-bench-'));
  const file = openSync(join(folder, 'synced'), 'w');
  return {
    write(...values) {
      for (const value of values) writeSync(file, value);
      fdatasyncSync(file);
    },
    [Symbol.dispose]() {
      closeSync(file);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
