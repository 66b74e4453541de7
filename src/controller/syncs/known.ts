import { createHash } from 'node:crypto';
import type { AnyObject, Sync } from '../../api/objects.ts';
import { applied } from '../../client/apply/compare.ts';
import { identity, type Member } from '../../client/apply/member.ts';

type Digested = Member & { digest: string };

/**
 * What was found to be as the manifests say, so that it need not be asked for again: for each object a digest of its
 * manifest, and one of what an apply of this Sync could change of it. Of one Sync, so always with the same field
 * manager. Lives as long as the controller.
 */
export class Known {
  readonly #digests = new Map<string, { manifest: string; live: string }>();
  /** Of what is: nobody changes an object that was read, so it is digested once. */
  readonly #ofLive = new WeakMap<AnyObject, string>();

  get size(): number {
    return this.#digests.size;
  }

  note(member: Digested, live: AnyObject, fieldManager: string): void {
    this.#digests.set(identity(member), {
      manifest: member.digest,
      live: this.#digestOf(live, fieldManager),
    });
  }

  /** The object is as it was when its manifest was last found to be applied. */
  isAsIt(id: string, live: AnyObject | undefined, fieldManager: string): boolean {
    return live !== undefined && this.#digests.get(id)?.live === this.#digestOf(live, fieldManager);
  }

  #digestOf(live: AnyObject, fieldManager: string): string {
    const known = this.#ofLive.get(live) ?? digest(applied(live, { fieldManager }));
    this.#ofLive.set(live, known);
    return known;
  }

  isSame(member: Digested): boolean {
    return this.#digests.get(identity(member))?.manifest === member.digest;
  }

  has(id: string): boolean {
    return this.#digests.has(id);
  }

  forget(id: string): void {
    this.#digests.delete(id);
  }

  ids(): Iterable<string> {
    return this.#digests.keys();
  }
}

export const digest = (value: unknown): string =>
  createHash('sha1').update(JSON.stringify(value)).digest('base64');

/** Of what the spec says of which manifests are applied, and where: when that changes, they are applied anew. */
export function specDigest({ spec: { source, targetNamespace, allowedKinds } }: Sync): string {
  const { secretRef: _, webhook: __, ...git } = source.git ?? {};
  return digest({ git, directory: source.directory, targetNamespace, allowedKinds });
}
