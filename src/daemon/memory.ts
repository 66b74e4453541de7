import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Cancel, Clock } from '../platform/clock.ts';

const lookEvery = 5_000;
/** Of what there was after the last time; less is not worth the pause. */
const growth = 1.3;

/**
 * A burst of work leaves V8 with a heap of garbage, which it keeps for the next one: after the start of 1,000 agents 270
 * MB, for 40 MB of objects. So when nothing has been written for a while, it is told to give back what it does not need.
 * Answers how to end it.
 */
export function giveBackAtRest({ clock, revision }: { clock: Clock; revision: () => number }): () => void {
  setFlagsFromString('--expose-gc');
  const collect: NodeJS.GCFunction = runInNewContext('gc');
  let kept = process.memoryUsage.rss();
  let seen = revision();
  let cancel: Cancel = () => {};
  const look = (): void => {
    const isAtRest = revision() === seen;
    seen = revision();
    if (isAtRest && process.memoryUsage.rss() > kept * growth) {
      collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
      kept = process.memoryUsage.rss();
    }
    cancel = clock.after(lookEvery, look);
  };
  cancel = clock.after(lookEvery, look);
  return () => cancel();
}
