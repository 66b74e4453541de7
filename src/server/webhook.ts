import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import type { Secret, Sync } from '../api/objects.ts';
import { found } from '../client/resources.ts';
import { answer } from './answer.ts';
import type { ServerDeps } from './kind-request.ts';

/** Gets the body in pieces, so that it need not be kept in memory. */
export interface WebhookCheck {
  add(piece: Buffer): void;
  /** Call after the last piece. */
  passes(): boolean;
}

/**
 * The maximum difference between a signature's time and now, in both directions, as in the libraries of Standard
 * Webhooks.
 */
const tolerance = 5 * 60_000;

/**
 * Checks whether the sender of a webhook knows the token. One valid form of any Git host is enough. Signatures are
 * HMAC-SHA256 with the token as the key:
 *
 * - GitHub (docs.github.com, "Validating webhook deliveries"): `X-Hub-Signature-256: sha256=<hex>` of the body
 * - Gitea, Forgejo: `X-Gitea-Signature: <hex>`, `X-Forgejo-Signature: <hex>` of the body
 * - GitLab: `X-Gitlab-Token: <the token>`
 * - GitLab with a signing token (standardwebhooks.com), which is `whsec_<base64 of the key>`: `webhook-signature`, a
 *   list of `v1,<base64>` separated by spaces, of `<webhook-id>.<webhook-timestamp>.<body>`; the timestamp is in
 *   seconds
 *
 * A repeated header counts as missing. With an empty token nothing passes, after the same work. `headers` is
 * `headersDistinct` of node:http.
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
  const key = token.length === 0 ? randomBytes(32) : token; // a random key, with which no one can sign
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

/** Node decodes headers as Latin-1: this returns the bytes that were sent. */
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

const digest = (data: Buffer): Buffer => createHash('sha256').update(data).digest();

/** Compares digests, which have equal length, so that the time reveals nothing. */
const same = (given: string, expected: Buffer): boolean =>
  timingSafeEqual(digest(bytes(given)), digest(expected));

export const webhookPath = '/webhooks/syncs/:namespace/:name';

/**
 * The largest body. GitHub sends up to 25 MB, with every commit and file of a push, and drops events that it cannot
 * deliver. Anyone may send that much, but it costs no memory: a body is not kept, and only its signature is checked.
 */
const largest = 25 * 1024 * 1024;

/**
 * Receives the webhooks of Git hosts about pushes. They are signed with a token that a Sync names: see webhookCheck.
 */
export function webhookRoutes(app: FastifyInstance, { registry, clock, log, pushes }: ServerDeps): void {
  app.register(async (hooks) => {
    hooks.removeAllContentTypeParsers();
    hooks.addContentTypeParser('*', (_request, _body, done) => done(null)); // the handler reads it itself
    hooks.post(webhookPath, async (request, reply) => {
      const { namespace, name } = request.params as { namespace: string; name: string }; // as the path names them
      const key = { namespace, name };
      // What the registry stores is valid for its kind. A caller without the token must not learn which of these is
      // missing: the same is read, computed and answered in each case.
      const sync = (await found(registry.get('Sync', key))) as Sync | undefined;
      const secretName = sync?.spec.source.git?.webhook?.secretRef.name ?? noSecret;
      const secret = (await found(registry.get('Secret', { namespace, name: secretName }))) as
        | Secret
        | undefined;
      const token = tokenOf(secret);
      const check = webhookCheck(request.raw.headersDistinct, token, clock.now());
      await readInto(check, request, reply);
      if (!check.passes() || sync === undefined) {
        log.debug({ sync: key, known: sync !== undefined, token: token.length > 0 }, 'a webhook was refused');
        throw notSigned();
      }
      if (!sync.spec.suspend) await pushes.mark(key);
      return answer(
        request,
        reply,
        { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' },
        202,
      );
    });
  });
}

/** No Secret can have this name. */
const noSecret = '-';

/**
 * Returns an empty buffer if there is none. Removes a trailing newline, which comes from the file that the Secret was
 * created from.
 */
const tokenOf = (secret: Secret | undefined): Buffer =>
  Buffer.from(
    Buffer.from(secret?.data?.token ?? '', 'base64')
      .toString('latin1')
      .replace(/\r?\n$/, ''),
    'latin1',
  );

const notSigned = (): ApiError =>
  new ApiError(
    'Unauthorized',
    "the signature does not match this Sync: the webhook's secret must be the key token of the Secret in the Sync's spec.source.git.webhook",
  );

/** Throws RequestEntityTooLarge, and BadRequest for a truncated body. */
async function readInto(check: WebhookCheck, { raw }: FastifyRequest, reply: FastifyReply): Promise<void> {
  const tooLarge = (): ApiError => {
    reply.header('connection', 'close'); // otherwise the rest would be read too
    return new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${largest} bytes`);
  };
  if (Number(raw.headers['content-length'] ?? 0) > largest) throw tooLarge();
  let size = 0;
  try {
    // Destroying the rest would destroy the connection, and the response with it.
    for await (const piece of raw.iterator({ destroyOnReturn: false })) {
      size += piece.length;
      if (size > largest) break;
      check.add(piece);
    }
  } catch (cause) {
    throw new ApiError('BadRequest', 'the body of the request was cut off', { cause });
  }
  if (size > largest) throw tooLarge();
}
