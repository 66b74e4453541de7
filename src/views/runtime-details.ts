import type { Runtime, RuntimeStatus } from '../api/objects.ts';

/** A Runtime as people see it. */
export interface RuntimeDetails
  extends Pick<Runtime, 'kind' | 'metadata' | 'spec'>,
    Required<Pick<RuntimeStatus, 'running' | 'queued' | 'conditions'>> {
  /** The engine's name and version; absent until it has answered. */
  version?: string | undefined;
  breaker: Required<Omit<Breaker, 'openedAt'>> & Pick<Breaker, 'openedAt'>;
}

type Breaker = NonNullable<RuntimeStatus['breaker']>;

export function runtimeDetails({ kind, metadata, spec, status = {} }: Runtime): RuntimeDetails {
  const { version, running = 0, queued = 0, breaker, conditions = [] } = status;
  return {
    kind,
    metadata,
    spec,
    version,
    running,
    queued,
    breaker: { state: 'Closed', failures: 0, ...breaker },
    conditions,
  };
}
