import { DriverError, type RunSpec } from '../driver.ts';
import { type Engine, EngineError } from './engine.ts';
import { hasStatus } from './errors.ts';

export interface Images {
  /** Pulls from the registry; several at once for one image share it. */
  pull(image: string): Promise<void>;
  id(image: string): Promise<string | undefined>;
}

export function createImages({ calls, pulls: registry }: Engine): Images {
  const pulls = new Map<string, Promise<void>>();

  const pull = async (image: string): Promise<void> => {
    const { repository, tag } = splitImage(image);
    try {
      const stream = await registry.createImage({ fromImage: repository, tag });
      let text = '';
      // A failure in the middle comes as a line of the stream, after the status.
      for await (const chunk of stream) text = (text + chunk).slice(-20_000);
      const failed = text
        .split('\n')
        .map(errorOf)
        .find((message) => message !== undefined);
      if (failed !== undefined) throw new EngineError(500, failed);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      throw new DriverError(
        'NotStartable',
        'ImagePull',
        `the image ${image} cannot be pulled: ${error.message}. Correct its name, see that the engine reaches the registry and is logged in to it (docker login), or load it there by hand (docker load) with imagePullPolicy: IfNotPresent`,
        { cause: error },
      );
    }
  };

  return {
    pull(image) {
      const running = pulls.get(image);
      if (running !== undefined) return running;
      const started = pull(image).finally(() => pulls.delete(image));
      pulls.set(image, started);
      return started;
    },
    async id(image) {
      try {
        const { Id: id } = await calls.getImage(encodeImage(image)).inspect();
        return id;
      } catch (error) {
        if (hasStatus(error, 404)) return undefined;
        throw error;
      }
    },
  };
}

const encodeImage = (image: string): string => image.split('/').map(encodeURIComponent).join('/');

function errorOf(line: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === 'object' && parsed !== null && 'error' in parsed) return String(parsed.error);
  } catch {
    // Half a line, or an empty one: progress, nothing that matters.
  }
  return undefined;
}

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
    `the engine has no image ${image}, and imagePullPolicy is Never: pull, build or load it there, or set imagePullPolicy: IfNotPresent`,
    { cause },
  );
