import type { Cli } from '../cli.ts';
import { clipped, wipe } from './text-table.ts';

export interface Progress {
  /** Shows what is being waited for. */
  show(text: string): void;
  /** Call before anything else is printed, and at the end. */
  clear(): void;
}

/**
 * One line on standard error that is overwritten. Shows nothing if standard error is not a terminal: there, results are
 * printed line by line.
 */
export function progress({ terminal, err }: Pick<Cli, 'terminal' | 'err'>): Progress {
  if (!terminal.err) return { show() {}, clear() {} };
  let shown = false;
  return {
    show(text) {
      // A line that wraps could not be cleared.
      const most = Math.min(100, (terminal.columns ?? 80) - 1);
      err([wipe, clipped(text, most)]);
      shown = true;
    },
    clear() {
      if (shown) err(wipe);
      shown = false;
    },
  };
}
