import { randomUUID } from 'node:crypto';

/** Creates unique ids. Tests inject their own. */
export interface Ids {
  /** An RFC 4122 UUID. */
  uid(): string;
  /** Five characters for generateName, from Kubernetes' alphabet without vowels. */
  suffix(): string;
}

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

export const randomIds: Ids = {
  uid: () => randomUUID(),
  suffix: () =>
    Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => alphabet[byte % alphabet.length]).join(
      '',
    ),
};
