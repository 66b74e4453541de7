import { DriverError, type RunSpec } from '../driver.ts';
import type { Engine } from './engine.ts';
import { hasStatus } from './errors.ts';

/** Undefined where the engine has no such image. */
export async function imageId({ calls }: Engine, image: string): Promise<string | undefined> {
  try {
    const { Id: id } = await calls.getImage(encodeImage(image)).inspect();
    return id;
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

export const encodeImage = (image: string): string => image.split('/').map(encodeURIComponent).join('/');

/** The reference's name and its tag or digest; a colon before the last slash is a port. */
export function splitImage(image: string): { repository: string; tag: string } {
  const digest = image.indexOf('@');
  if (digest >= 0) return { repository: image.slice(0, digest), tag: image.slice(digest + 1) };
  const colon = image.lastIndexOf(':');
  return colon > image.lastIndexOf('/')
    ? { repository: image.slice(0, colon), tag: image.slice(colon + 1) }
    : { repository: image, tag: 'latest' };
}

/** As Kubernetes: Always for the tag latest, else IfNotPresent. */
export const pullPolicyOf = (spec: RunSpec): NonNullable<RunSpec['pullPolicy']> =>
  spec.pullPolicy ?? (splitImage(spec.image ?? '').tag === 'latest' ? 'Always' : 'IfNotPresent');

export const imageMissing = (image: string, cause: unknown): DriverError =>
  new DriverError(
    'NotStartable',
    'ImageMissing',
    `the engine does not have the image ${image}, and imagePullPolicy is Never. Pull, build or load it there, or set imagePullPolicy: IfNotPresent`,
    { cause },
  );
