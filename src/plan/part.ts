import type { Desire } from './decide.ts';
import type { InstanceDraft } from './draft.ts';

/** One Instance on its way through a plan: what is known of it, and what should become of it. */
export interface Part {
  draft: InstanceDraft;
  desire: Desire;
}
