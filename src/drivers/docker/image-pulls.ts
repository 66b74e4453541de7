import { type Backoff, backoffDelay } from '../../api/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { DriverError, type RunSpec } from '../driver.ts';
import { ifExists } from './docker-errors.ts';
import { type Engine, EngineError } from './engine.ts';

/** Returns undefined if the engine does not have the image. */
export async function imageId({ calls }: Engine, image: string): Promise<string | undefined> {
  return (await ifExists(calls.getImage(encodeImage(image)).inspect()))?.Id;
}

export const encodeImage = (image: string): string => image.split('/').map(encodeURIComponent).join('/');

/** Splits a reference into its name and its tag or digest. A colon before the last slash separates a port. */
export function splitImage(image: string): { repository: string; tag: string } {
  const digest = image.indexOf('@');
  if (digest >= 0) return { repository: image.slice(0, digest), tag: image.slice(digest + 1) };
  const colon = image.lastIndexOf(':');
  return colon > image.lastIndexOf('/')
    ? { repository: image.slice(0, colon), tag: image.slice(colon + 1) }
    : { repository: image, tag: 'latest' };
}

/** As in Kubernetes: Always for the tag `latest`, else IfNotPresent. */
export const pullPolicyOf = (spec: RunSpec): NonNullable<RunSpec['pullPolicy']> =>
  spec.pullPolicy ?? (splitImage(spec.image ?? '').tag === 'latest' ? 'Always' : 'IfNotPresent');

export const imageMissing = (image: string, cause: unknown): DriverError =>
  new DriverError(
    'NotStartable',
    'ImageMissing',
    `the engine does not have the image ${image}, and imagePullPolicy is Never. Pull, build or load it there, or set imagePullPolicy: IfNotPresent`,
    { cause },
  );

/**
 * Pulls images from registries, for all instances of the engine: one pull at a time for an image, with exponential
 * backoff after failures, as in the kubelet. Registries count failed pulls too.
 */
export interface Pulls {
  /**
   * Throws NotStartable ImagePull with the time of the next attempt.
   *
   * @param again the start is a retry, which respects the backoff of the image. Others, such as the first of a new
   * spec, do not.
   */
  pull(image: string, again: boolean): Promise<void>;
}

interface Failed {
  /** When the last pull ended. */
  at: number;
  /** The backoff after that, in milliseconds. */
  wait: number;
  error: DriverError;
}

const waits: Backoff = { from: 10_000, upTo: 5 * 60_000 };
/** Limit of a backoff that a registry asks for. */
const longestAskedMs = 60 * 60_000;
/** The minimum between pulls without a backoff, because many instances may start at once. */
const leastWaitMs = 1_000;
/** How many images' failures are remembered. */
const most = 1_000;

export function createPulls({ pulls: registry }: Engine, clock: Clock): Pulls {
  const running = new Map<string, Promise<void>>();
  const failed = new Map<string, Failed>();

  const attempt = async (repository: string, tag: string): Promise<void> => {
    const stream = await registry.createImage({ fromImage: repository, tag });
    let text = '';
    // An error during the pull is a line of the stream, after the status.
    for await (const chunk of stream) text = (text + chunk).slice(-20_000);
    const message = text
      .split('\n')
      .map(errorOf)
      .find((found) => found !== undefined);
    if (message !== undefined) throw new EngineError(500, message);
  };

  const note = (key: string, image: string, cause: EngineError): DriverError => {
    const wait = waitAfter(cause.message, failed.get(key)?.wait);
    const at = clock.now();
    const error = pullError(image, cause, at + wait);
    failed.delete(key);
    failed.set(key, { at, wait, error });
    if (failed.size > most) failed.delete(failed.keys().next().value ?? '');
    return error;
  };

  const held = (key: string, again: boolean): DriverError | undefined => {
    const last = failed.get(key);
    if (last === undefined) return undefined;
    // A clock that was set back must not extend the backoff.
    const since = Math.max(0, clock.now() - last.at);
    return since < (again ? last.wait : leastWaitMs) ? last.error : undefined;
  };

  return {
    pull(image, again) {
      const { repository, tag } = splitImage(image);
      const key = `${repository} ${tag}`;
      const shared = running.get(key);
      if (shared !== undefined) return shared;
      const holds = held(key, again);
      if (holds !== undefined) return Promise.reject(holds);
      const started = attempt(repository, tag)
        .then(() => void failed.delete(key))
        .catch((error: unknown) => {
          if (error instanceof DriverError) throw error;
          if (error instanceof EngineError) throw note(key, image, error);
          const message = `the engine interrupted the pull of ${image}: check that it is running`;
          throw new DriverError('Offline', 'EngineUnreachable', message, { cause: error });
        })
        .finally(() => running.delete(key));
      running.set(key, started);
      return started;
    },
  };
}

/**
 * Returns the backoff in milliseconds. Pure.
 *
 * @param said the registry's message, as the engine reports it
 * @param last the previous backoff, if there was one
 */
export function waitAfter(said: string, last: number | undefined): number {
  const usual = backoffDelay({ from: last ?? waits.from, upTo: waits.upTo }, last === undefined ? 1 : 2);
  const asked = askedWait(said);
  if (asked !== undefined) return Math.max(usual, Math.min(asked, longestAskedMs));
  return /toomanyrequests|too many requests|rate limit|\b429\b/i.test(said) ? waits.upTo : usual;
}

const units: Readonly<Record<string, number>> = {
  µs: 0.001,
  us: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** "retry-after: 1m30s" as in GHCR. A number without a unit is seconds, as in HTTP. */
function askedWait(said: string): number | undefined {
  const found = /retry[- ]after["']?[:= ]+["']?((?:\d+(?:\.\d+)?(?:µs|us|ms|s|m|h)?)+)/i.exec(said)?.[1];
  if (found === undefined) return undefined;
  let sum = 0;
  for (const [, count = '', unit = 's'] of found.matchAll(/(\d+(?:\.\d+)?)(µs|us|ms|s|m|h)?/gi))
    sum += Number(count) * (units[unit.toLowerCase()] ?? 1_000);
  return sum;
}

const pullError = (image: string, cause: EngineError, at: number): DriverError =>
  new DriverError(
    'NotStartable',
    'ImagePull',
    `the image ${image} cannot be pulled: ${cause.message.replace(/\.$/, '')}.`,
    {
      cause,
      remedy:
        'Correct its name, check that the engine can reach the registry and is logged in (docker login), or load the image (docker load) and set imagePullPolicy: IfNotPresent',
      retry: { at },
    },
  );

function errorOf(line: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === 'object' && parsed !== null && 'error' in parsed) return String(parsed.error);
  } catch {
    // A partial or empty line of progress.
  }
  return undefined;
}
