import type { LogLine, RunSpec } from '../../src/drivers/driver.ts';
import type { Observed, ObservedExit } from '../../src/plan/world.ts';
import type { FakeStdio } from './stdio.ts';

/** One container of the fake engine, as it stands. */
export interface FakeContainer {
  ref: string;
  name: string;
  /** Undefined: a stranger's. */
  spec: RunSpec | undefined;
  state: Observed['state'];
  /** How often it was started. */
  starts: number;
  startId?: string | undefined;
  startedAt?: number | undefined;
  exit?: ObservedExit | undefined;
  imageId: string;
  log: (LogLine & { start: number; run: number })[];
  /** Of the newest start. */
  stdio?: FakeStdio | undefined;
  /** Calls that end the waiting of those who follow the log. */
  followers: Set<() => void>;
  /** Cancels an end that is still to come. */
  cancel: () => void;
}

export const newContainer = (
  ref: string,
  name: string,
  spec: RunSpec | undefined,
  imageId: string,
): FakeContainer => ({
  ref,
  name,
  spec,
  state: 'Created',
  starts: 0,
  imageId,
  log: [],
  followers: new Set(),
  cancel: () => {},
});

export const storeOf = ({ spec }: FakeContainer): string | undefined => spec?.identity.store;

export function observedOf(container: FakeContainer): Observed {
  const { spec } = container;
  if (spec === undefined) throw new Error(`${container.name} is a stranger's`);
  const { uid, namespace, instance, agent, run, revision, controllerVersion } = spec.identity;
  return {
    ref: container.ref,
    instanceUid: uid,
    namespace,
    instance,
    agent,
    run,
    revision,
    state: container.state,
    startId: container.startId,
    startedAt: container.startedAt,
    exit: container.state === 'Exited' ? container.exit : undefined,
    imageId: container.imageId,
    controllerVersion,
  };
}
