import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import type { Secret, Sync } from '../api/objects.ts';
import type { AnyResource } from '../registry/object.ts';
import { answer } from './answer.ts';
import type { Parts } from './parts.ts';
import { type WebhookCheck, webhookCheck } from './webhook.ts';

export const webhookPath = '/webhooks/syncs/:namespace/:name';

/**
 * The largest body. GitHub sends up to 25 MB, with every commit and file of a push, and what it cannot deliver it drops.
 * Anybody may send so much: it costs no memory, for a body is not kept and never read but for its signature.
 */
const largest = 25 * 1024 * 1024;

/** What Git hosts tell of pushes. Signed with a token that a Sync names: see webhook.ts. */
export function webhookRoutes(app: FastifyInstance, { registry, clock, log, pushes }: Parts): void {
  const found = (read: Promise<AnyResource>): Promise<AnyResource | undefined> =>
    read.catch((error) => {
      if (error instanceof ApiError && error.reason === 'NotFound') return undefined;
      throw error;
    });

  app.register(async (hooks) => {
    hooks.removeAllContentTypeParsers();
    hooks.addContentTypeParser('*', (_request, _body, done) => done(null)); // the handler reads it itself
    hooks.post(webhookPath, async (request, reply) => {
      const { namespace, name } = request.params as { namespace: string; name: string }; // as the path names them
      const key = { namespace, name };
      // What the registry keeps is valid for its kind. Nothing tells a caller without the token which of these is
      // missing: the same is read, computed and answered.
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
      if (!sync.spec.suspend) await pushes.tell(key);
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

/** Empty where there is none. A newline at its end is of the file that it was made from. */
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

/** Throws RequestEntityTooLarge, and BadRequest for a body that is cut off. */
async function readInto(check: WebhookCheck, { raw }: FastifyRequest, reply: FastifyReply): Promise<void> {
  const tooLarge = (): ApiError => {
    reply.header('connection', 'close'); // else the rest would be read too
    return new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${largest} bytes`);
  };
  if (Number(raw.headers['content-length'] ?? 0) > largest) throw tooLarge();
  let size = 0;
  try {
    // Were the rest destroyed, the connection would be too, and with it the answer.
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
