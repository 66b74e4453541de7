import type { KindInfo } from '../api/kinds.ts';
import type { ObjectKey } from '../api/objects.ts';
import { formatTime } from '../api/time.ts';
import { StoreError } from '../store/store.ts';
import { admitNew } from './admit-object.ts';
import { warnOfAuthor, withoutAuthor } from './author-stamp.ts';
import { insertNew } from './commit.ts';
import { decodeBody } from './decode.ts';
import { shapeFor } from './field-shape.ts';
import type { AnyResource, RegistryWriteOptions } from './object.ts';
import { afterUpdate } from './ownership.ts';
import { type Context, writerOf } from './registry-context.ts';
import { alreadyExists, badRequest, refuseLarge, versionOnNew } from './status-errors.ts';

const longestPrefix = 58; // Kubernetes: 63 less the five characters that follow
const attempts = 8; // Kubernetes: maxNameGenerationCreateAttempts

/** Throws ApiError: AlreadyExists, Invalid, BadRequest, or NotFound for a missing namespace. */
export async function create(
  context: Context,
  info: KindInfo,
  key: Partial<ObjectKey>,
  body: unknown,
  options: RegistryWriteOptions,
): Promise<AnyResource> {
  await context.turns.next();
  const given = decodeBody(info, body, key, options);
  refuseLarge(given);
  warnOfAuthor(given, options.author, options);
  const sent = withoutAuthor(given);
  if ((sent.metadata.resourceVersion ?? '') !== '') throw badRequest(versionOnNew);
  const prefix = sent.metadata.generateName ?? '';
  const generated = sent.metadata.name === undefined && prefix !== '';
  for (let attempt = 1; ; attempt++) {
    const name = generated
      ? prefix.slice(0, longestPrefix) + context.ids.suffix()
      : (sent.metadata.name ?? '');
    try {
      return await createNamed(context, info, name, sent, options);
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'Conflict')) throw error;
      if (!generated || attempt === attempts) {
        const there = await context.records.read(info, { ...sent.metadata, name });
        throw alreadyExists(info, name, there);
      }
    }
  }
}

function createNamed(
  context: Context,
  info: KindInfo,
  name: string,
  sent: AnyResource,
  options: RegistryWriteOptions,
): Promise<AnyResource> {
  const time = formatTime(context.clock.now());
  const admitted = admitNew(info, sent, { name, uid: context.ids.uid(), creationTimestamp: time });
  const writer = writerOf(info, 'Update', options);
  return insertNew(context, info, admitted, options, (stored) =>
    afterUpdate({ live: {}, sent: admitted, stored }, { shape: shapeFor(info), managers: [], writer, time }),
  );
}
