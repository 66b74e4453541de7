import type { Plan } from '../plan/action.ts';
import type { World } from '../plan/world.ts';
import type { Session } from './session.ts';

export interface Unconfirmed {
  /** Instances whose run was not looked at yet. Nothing is done for them in this pass. */
  names: ReadonlySet<string>;
  /** Resolves after the looks, with whether all of them succeeded. */
  looked: Promise<boolean>;
}

/**
 * Looks once more at each run that the plan calls Ready for the first time, unless a look began since it became Ready:
 * an engine may report late that the run has ended.
 */
export function confirmReady(
  world: World,
  plan: Plan,
  session: (runtime: string) => Session | undefined,
): Unconfirmed | undefined {
  const unseen = world.instances.flatMap(({ object }) => {
    const { name } = object.metadata;
    const { readySince, run } = plan.instances.get(name) ?? {};
    const runtime = session(object.spec.runtimeRef.name);
    if (readySince === undefined || readySince === object.status?.readySince) return [];
    if (runtime === undefined || run?.ref === undefined) return [];
    const { ref } = run;
    const since = Date.parse(readySince);
    const seen = (): boolean => runtime.lookedAt(ref) >= since;
    return seen() ? [] : [{ name, look: () => runtime.look(ref, since), seen }];
  });
  if (unseen.length === 0) return undefined;
  const looks = Promise.all(unseen.map(({ look }) => look()));
  return {
    names: new Set(unseen.map(({ name }) => name)),
    looked: looks.then(() => unseen.every(({ seen }) => seen())),
  };
}
