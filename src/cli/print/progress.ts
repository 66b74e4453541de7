import type { Cli } from '../cli.ts';
import { wipe } from './color.ts';
import { clipped } from './width.ts';

export interface Progress {
  /** What is being waited for now. */
  show(text: string): void;
  /** Before anything else is printed, and at the end. */
  clear(): void;
}

/** One line on standard error that is written over. In a pipe there is none: what is done is printed line by line there. */
export function progress({ terminal, err }: Pick<Cli, 'terminal' | 'err'>): Progress {
  if (!terminal.err) return { show() {}, clear() {} };
  let shown = false;
  return {
    show(text) {
      // A line that wraps could not be wiped.
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
