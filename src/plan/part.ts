import type { Desire } from './decide.ts';
import type { Turn } from './turn.ts';

/** One Instance on its way through a plan: what is known of it, and what should become of it. */
export interface Part {
  turn: Turn;
  desire: Desire;
}
