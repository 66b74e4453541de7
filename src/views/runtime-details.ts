import type { Condition, ObjectMeta, Runtime, RuntimeSpec, RuntimeStatus } from '../api/objects.ts';

/** A Runtime as people see it. */
export interface RuntimeDetails {
  kind: 'Runtime';
  metadata: ObjectMeta;
  spec: RuntimeSpec;
  /** The engine's name and version; absent until it has answered. */
  version?: string | undefined;
  running: number;
  queued: number;
  breaker: Required<Omit<Breaker, 'openedAt'>> & Pick<Breaker, 'openedAt'>;
  conditions: readonly Condition[];
}

type Breaker = NonNullable<RuntimeStatus['breaker']>;

export function runtimeDetails({ metadata, spec, status = {} }: Runtime): RuntimeDetails {
  const { version, running = 0, queued = 0, breaker, conditions = [] } = status;
  return {
    kind: 'Runtime',
    metadata,
    spec,
    version,
    running,
    queued,
    breaker: { state: 'Closed', failures: 0, ...breaker },
    conditions,
  };
}
