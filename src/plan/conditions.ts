import type { Condition } from '../api/objects.ts';
import { asSentence } from '../api/sentence.ts';
import { visible } from '../api/visible.ts';

/** The new state of a condition. lastTransitionTime changes only if `status` changes. */
export interface Finding {
  type: string;
  status: Condition['status'];
  reason: string;
  message: string;
}

/** Merges the findings into the conditions. Returns the same list with the same entries if nothing changed. */
export function withConditions(
  stored: Condition[] | undefined,
  findings: readonly Finding[],
  generation: number | undefined,
  now: () => string,
): Condition[] {
  const before = stored ?? [];
  let changed = before.length !== findings.length;
  const after = findings.map((finding, at) => {
    const message = visible(asSentence(finding.message)); // it may quote an agent, and kubectl prints it unfiltered
    const known =
      before[at]?.type === finding.type ? before[at] : before.find(({ type }) => type === finding.type);
    if (
      known !== undefined &&
      known.status === finding.status &&
      known.reason === finding.reason &&
      known.message === message &&
      known.observedGeneration === generation
    ) {
      if (known !== before[at]) changed = true;
      return known;
    }
    changed = true;
    const moved = known === undefined || known.status !== finding.status;
    return {
      type: finding.type,
      status: finding.status,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      lastTransitionTime: moved ? now() : known.lastTransitionTime,
      reason: finding.reason,
      message,
    };
  });
  return changed || stored === undefined ? after : stored;
}
