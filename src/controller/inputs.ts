import { createHmac } from 'node:crypto';
import { type AgentSpec, type ConfigMap, type Reference, references, type Secret } from '../api/objects.ts';

type Source = Secret | ConfigMap;

/** Finds the Secrets and ConfigMaps of one namespace in the cache. */
export type FindInput = (kind: Reference['kind'], name: string) => Source | undefined;

/**
 * Returns World.inputs for a template: by `Kind/name` an HMAC of the object's data, or null if the object is missing;
 * by `Kind/name#key` null if the key is missing. The HMAC's key never leaves the state folder, so that nobody can guess
 * a short secret from a Revision.
 */
export class Inputs {
  readonly #key: Uint8Array;
  readonly #digests = new WeakMap<Source, string>();

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  resolve(template: AgentSpec['template'], find: FindInput): Record<string, string | null> {
    const inputs: Record<string, string | null> = {};
    for (const { kind, name, key } of references(template)) {
      const source = find(kind, name);
      inputs[`${kind}/${name}`] = source === undefined ? null : this.#digest(source);
      if (key !== undefined && source !== undefined && bytesOf(source, key) === undefined) {
        inputs[`${kind}/${name}#${key}`] = null;
      }
    }
    return inputs;
  }

  #digest(source: Source): string {
    const known = this.#digests.get(source);
    if (known !== undefined) return known;
    const hmac = createHmac('sha256', this.#key);
    for (const [key, value] of allOf(source))
      hmac.update(`${key.length}:${key}`).update(`${value.length}:`).update(value);
    const digest = hmac.digest('base64url').slice(0, 22);
    this.#digests.set(source, digest);
    return digest;
  }
}

/** Returns the bytes under one key. */
export function bytesOf(source: Source, key: string): Uint8Array | undefined {
  if (source.kind === 'Secret') {
    const value = source.data?.[key];
    return value === undefined ? undefined : Buffer.from(value, 'base64');
  }
  const text = source.data?.[key];
  if (text !== undefined) return Buffer.from(text);
  const binary = source.binaryData?.[key];
  return binary === undefined ? undefined : Buffer.from(binary, 'base64');
}

/** Returns all keys with their bytes, sorted by key. */
export function allOf(source: Source): [string, Uint8Array][] {
  const keys = new Set([
    ...Object.keys(source.data ?? {}),
    ...(source.kind === 'ConfigMap' ? Object.keys(source.binaryData ?? {}) : []),
  ]);
  return [...keys].sort().flatMap((key) => {
    const value = bytesOf(source, key);
    return value === undefined ? [] : [[key, value] satisfies [string, Uint8Array]];
  });
}
