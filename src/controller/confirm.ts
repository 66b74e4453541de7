import type { Plan } from '../plan/action.ts';
import type { World } from '../plan/world.ts';
import type { Session } from './session.ts';

/**
 * Looks once more at each run that the plan calls Ready for the first time and that has not been looked at since it
 * became so: the word of an engine that it has ended may come late. Undefined where all has been seen; else resolves
 * with whether it has been by then.
 */
export function confirmReady(
  world: World,
  plan: Plan,
  session: (runtime: string) => Session | undefined,
): Promise<boolean> | undefined {
  const unseen = world.instances.flatMap(({ object }) => {
    const { readySince, run } = plan.instances.get(object.metadata.name) ?? {};
    const runtime = session(object.spec.runtimeRef.name);
    if (readySince === undefined || readySince === object.status?.readySince) return [];
    if (runtime === undefined || run?.ref === undefined) return [];
    const { ref } = run;
    const seen = (): boolean => runtime.lookedAt(ref) >= Date.parse(readySince);
    return seen() ? [] : [{ look: () => runtime.look(ref), seen }];
  });
  if (unseen.length === 0) return undefined;
  return Promise.all(unseen.map(({ look }) => look())).then(() => unseen.every(({ seen }) => seen()));
}
