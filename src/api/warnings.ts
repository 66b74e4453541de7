import { isObject, type Path, pathText } from './json.ts';
import type { PolicySpec } from './objects.ts';
import { formatDuration, tryDuration } from './time.ts';

/** Returns warnings about a valid object that is probably a mistake. `object` has its defaults. */
export function warningsOf(kind: string, object: object): string[] {
  const spec: unknown = 'spec' in object ? object.spec : undefined;
  if (kind === 'Policy') return ofPolicy(spec as PolicySpec, ['spec']); // valid, with its defaults
  if (kind !== 'Agent' || !isObject(spec)) return [];
  const own = writtenWarnings(kind, object);
  return spec.policy === undefined
    ? own
    : [...own, ...ofPolicy(spec.policy as PolicySpec, ['spec', 'policy'])]; // as above
}

/** The warnings that need no defaults. */
export function writtenWarnings(kind: string, object: object): string[] {
  const spec: unknown = kind === 'Agent' && 'spec' in object ? object.spec : undefined;
  const template = isObject(spec) && isObject(spec.template) ? spec.template : {};
  const { resources, image } = template;
  const requests = isObject(resources) && isObject(resources.requests) ? Object.keys(resources.requests) : [];
  const words = (['command', 'args'] as const).flatMap((field) =>
    (Array.isArray(template[field]) ? template[field] : []).map((word: unknown, at) => ({ field, word, at })),
  );
  return [
    ...(requests.length > 0 && image === undefined
      ? [
          'spec.template.resources.requests is ignored: a process has no resource requests. Use a container Runtime.',
        ]
      : []),
    ...words.flatMap(({ field, word, at }) =>
      typeof word === 'string' && /\$\$(?!\()/.test(word)
        ? [`spec.template.${field}[${at}]: $$ becomes $, as in Kubernetes. Write $$$$ for $$.`]
        : [],
    ),
  ];
}

function ofPolicy({ restart, backoff }: PolicySpec, path: Path): string[] {
  const { maxRestarts } = restart;
  const window = tryDuration(restart.window);
  if (maxRestarts === undefined || window === undefined) return [];
  const least = leastTime(maxRestarts, backoff.schedule);
  if (least === undefined || least < window) return [];
  return [
    `${pathText([...path, 'restart'])}: maxRestarts ${maxRestarts} within ${restart.window} is never reached: with this backoff.schedule, that many restarts take at least ${formatDuration(least)}. Use a longer window, or a shorter backoff.`,
  ];
}

/**
 * Returns the shortest time in milliseconds from the first of `maxRestarts` restarts to the one that exceeds the limit,
 * if each run ends at once. Restart n comes after delay n. Jitter only makes it longer.
 */
function leastTime(maxRestarts: number, schedule: readonly string[]): number | undefined {
  const delays = schedule.map(tryDuration);
  if (delays.includes(undefined)) return undefined;
  const last = delays.at(-1) ?? 0;
  const listed = delays.slice(1, maxRestarts + 1).reduce<number>((sum, delay) => sum + (delay ?? 0), 0);
  return listed + Math.max(0, maxRestarts + 1 - Math.max(delays.length, 1)) * last;
}
