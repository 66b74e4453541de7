import { authorAnnotation } from '../../api/annotations.ts';
import { capabilitiesOf } from '../../api/capabilities.ts';
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
      ['Default', spec.default ? 'yes, for agents with an image and without a runtimeRef' : undefined],
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
      ['Host paths', spec.allowHostPaths.join(', ') || 'none'],
      ['Allowed', allowed(spec)],
    ]),
    conditionsSection(status.conditions, now),
  ].join('');
}

/** Returns `spec.allow` with one line for each field, without fields that its driver does not use. */
function allowed(spec: Runtime['spec']): string[] {
  const { allow } = spec;
  const { hostAccess } = capabilitiesOf(spec);
  const lists =
    hostAccess === 'Granted'
      ? ([
          ['capabilities', allow.capabilities],
          ['networks', allow.networks],
          ['volumes', allow.volumes],
          ['addresses for ports', allow.hostIPs],
        ] as const)
      : ([['users', allow.users]] as const);
  const lines = [
    allow.privileged ? 'privileged containers' : '',
    allow.hostNetwork ? 'the network of the host' : '',
    ...lists.map(([what, list]) => (list.length === 0 ? '' : `${what}: ${list.join(', ')}`)),
    hostAccess === 'Direct' ? controllerUser(allow) : '',
  ].filter((line) => line !== '');
  return lines.length === 0 ? ['nothing'] : lines;
}

function controllerUser({ controllerUser: allowed }: Runtime['spec']['allow']): string {
  const what = "the controller's own user";
  if (allowed === false) return `not ${what}`;
  return allowed ? what : `${what}, for agents without the annotation ${authorAnnotation}`;
}
