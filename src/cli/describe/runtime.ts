import type { Runtime } from '../../api/objects.ts';
import { ago, conditionsSection, fields, joined, metadataFields } from './fields.ts';

export function describeRuntime(runtime: Runtime, now: number): string {
  const { spec, status = {} } = runtime;
  const limit = (count: number | undefined): string => (count === undefined ? 'no limit' : String(count));
  const { state = 'Closed', failures = 0, openedAt } = status.breaker ?? {};
  return [
    fields([
      ...metadataFields(runtime, now),
      ['Driver', joined([spec.driver, status.version])],
      ['Endpoint', spec.endpoint],
      ['Default', spec.default ? 'yes: agents with an image that name no Runtime run here' : undefined],
      [
        'Running',
        `${status.running ?? 0}, ${limit(spec.maxConcurrent)}${spec.maxConcurrent === undefined ? '' : ' at most'}`,
      ],
      [
        'Queued',
        `${status.queued ?? 0}, ${limit(spec.queue.maxDepth)}${spec.queue.maxDepth === undefined ? '' : ' at most'}`,
      ],
      ['Starts at once', limit(spec.maxStarting)],
      [
        'Circuit breaker',
        joined([
          state,
          spec.circuitBreaker.failureThreshold === 0
            ? 'never opens'
            : `${failures} of ${spec.circuitBreaker.failureThreshold} failed starts in a row`,
          openedAt !== undefined && state !== 'Closed' && `opened ${ago(openedAt, now)}`,
          state !== 'Closed' && `agentctl resume runtime/${runtime.metadata.name} closes it`,
        ]),
      ],
      [
        'Namespaces',
        spec.allowedNamespaces === undefined ? 'all' : spec.allowedNamespaces.join(', ') || 'none',
      ],
      ['Host paths', spec.allowHostPaths.length === 0 ? 'none' : spec.allowHostPaths.join(', ')],
    ]),
    conditionsSection(status.conditions, now),
  ].join('');
}
