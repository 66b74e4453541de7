import { authorAnnotation } from '../../api/annotations.ts';
import { capabilitiesOf } from '../../api/capabilities.ts';
import type { RuntimeSpec } from '../../api/objects.ts';
import type { RuntimeDetails } from '../../views/described.ts';
import { ago, conditionsSection, fields, type Head, joined, metadataFields } from './fields.ts';

export function runtimeText(view: RuntimeDetails, head: Head, now: number): string {
  const { metadata, spec, breaker } = view;
  const limit = (count: number | undefined): string => (count === undefined ? 'no limit' : String(count));
  return [
    fields([
      ...metadataFields(head, now),
      ['Driver', joined([spec.driver, view.version])],
      ['Endpoint', spec.endpoint],
      ['Default', spec.default ? 'yes, for agents with an image and without a runtimeRef' : undefined],
      [
        'Running',
        `${view.running}, ${limit(spec.maxConcurrent)}${spec.maxConcurrent === undefined ? '' : ' at most'}`,
      ],
      [
        'Queued',
        `${view.queued}, ${limit(spec.queue.maxDepth)}${spec.queue.maxDepth === undefined ? '' : ' at most'}`,
      ],
      ['Starts at once', limit(spec.maxStarting)],
      [
        'Circuit breaker',
        joined([
          breaker.state,
          spec.circuitBreaker.failureThreshold === 0
            ? 'never opens'
            : `${breaker.failures} of ${spec.circuitBreaker.failureThreshold} failed starts in a row`,
          breaker.openedAt !== undefined &&
            breaker.state !== 'Closed' &&
            `opened ${ago(breaker.openedAt, now)}`,
          breaker.state !== 'Closed' && `agentctl resume runtime/${metadata.name} closes it`,
        ]),
      ],
      [
        'Namespaces',
        spec.allowedNamespaces === undefined ? 'all' : spec.allowedNamespaces.join(', ') || 'none',
      ],
      ['Host paths', spec.allowHostPaths.join(', ') || 'none'],
      ['Allowed', allowed(spec)],
    ]),
    conditionsSection(view.conditions, now),
  ].join('');
}

/** Returns `spec.allow` with one line for each field, without fields that its driver does not use. */
function allowed(spec: RuntimeSpec): string[] {
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

function controllerUser({ controllerUser: allowed }: RuntimeSpec['allow']): string {
  const what = "the controller's own user";
  if (allowed === false) return `not ${what}`;
  return allowed ? what : `${what}, for agents without the annotation ${authorAnnotation}`;
}
