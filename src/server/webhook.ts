import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Is given the body piece by piece, so that none of it need be kept. */
export interface WebhookCheck {
  add(piece: Buffer): void;
  /** After the last piece. */
  passes(): boolean;
}

/** How old a signature may be that carries its time, or how far ahead: as the libraries of Standard Webhooks have it. */
const tolerance = 5 * 60_000;

/**
 * Whether a webhook is from one that knows the token. One form of any Git host is enough; signatures are by
 * HMAC-SHA256, with the token as the key:
 *
 * - GitHub (docs.github.com, "Validating webhook deliveries"): `X-Hub-Signature-256: sha256=<hex>` of the body
 * - Gitea, Forgejo: `X-Gitea-Signature: <hex>`, `X-Forgejo-Signature: <hex>` of the body
 * - GitLab: `X-Gitlab-Token: <the token>`
 * - GitLab with a signing token (standardwebhooks.com), which is `whsec_<base64 of the key>`: `webhook-signature`, a list
 *   of `v1,<base64>` with spaces between, of `<webhook-id>.<webhook-timestamp>.<body>`; the timestamp is in seconds
 *
 * A header that comes twice counts as none. With an empty token nothing passes, after the same work. `headers` is
 * what node:http calls headersDistinct.
 */
export function webhookCheck(
  headers: Readonly<Record<string, readonly string[] | undefined>>,
  token: Buffer,
  now: number,
): WebhookCheck {
  const header = (name: string): string => {
    const [value = '', ...more] = headers[name] ?? [];
    return more.length === 0 ? value : '';
  };
  const key = token.length === 0 ? randomBytes(32) : token; // what nobody knows, nobody signs with
  const at = header('webhook-timestamp');
  const ofBody = createHmac('sha256', key);
  const ofMessage = createHmac('sha256', signingKey(key)).update(bytes(`${header('webhook-id')}.${at}.`));
  return {
    add(piece) {
      ofBody.update(piece);
      ofMessage.update(piece);
    },
    passes() {
      const hex = ofBody.digest('hex');
      const signature = `v1,${ofMessage.digest('base64')}`;
      const fresh = Math.abs(now - Number(at) * 1000) <= tolerance;
      const compared = [
        same(header('x-hub-signature-256'), bytes(`sha256=${hex}`)),
        same(header('x-gitea-signature'), bytes(hex)),
        same(header('x-forgejo-signature'), bytes(hex)),
        same(header('x-gitlab-token'), key),
        ...header('webhook-signature')
          .split(' ')
          .filter(({ length }) => length === signature.length)
          .map((given) => same(given, bytes(signature)) && fresh),
      ];
      return compared.includes(true);
    },
  };
}

function signingKey(token: Buffer): Buffer {
  const [, key] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(token.toString('latin1')) ?? [];
  return key === undefined ? randomBytes(32) : Buffer.from(key, 'base64');
}

/** Node reads and writes headers as Latin-1: this gives back the bytes that were sent. */
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

const digest = (data: Buffer): Buffer => createHash('sha256').update(data).digest();

/** Compares digests, which are of equal length: the time taken tells nothing. */
const same = (given: string, expected: Buffer): boolean =>
  timingSafeEqual(digest(bytes(given)), digest(expected));
