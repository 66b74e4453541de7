import { isObject } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { List } from '../api/requests.ts';
import { expired, requireReached, revisionFrom } from './commit.ts';
import { type AnyResource, decodeRow, type RegistryListOptions } from './object.ts';
import type { Records } from './records.ts';
import { keysOf, selection } from './selectors.ts';
import { badRequest } from './status-errors.ts';

/** The start of the next page: after this key, at this revision. */
interface Page {
  revision: number;
  after: string;
}

const version = 'meta.k8s.io/v1';

const writePage = ({ revision, after }: Page): string =>
  Buffer.from(JSON.stringify({ v: version, rv: revision, start: after })).toString('base64url');

function readPage(token: string): Page {
  try {
    const page: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (isObject(page) && page.v === version && typeof page.rv === 'number' && typeof page.start === 'string')
      return { revision: page.rv, after: page.start };
  } catch (error) {
    throw badRequest('continue key is not valid: list again without it', error);
  }
  throw badRequest('continue key is not valid: list again without it');
}

/** Throws ApiError Expired if the revision of the pages is no longer kept. */
export async function list(
  { store }: Records,
  info: KindInfo,
  options: RegistryListOptions,
): Promise<List<AnyResource>> {
  const { limit = 0, continue: token = '' } = options;
  const selected = selection(options);
  const keys = keysOf(info, options);
  const asked = revisionFrom(options.resourceVersion);
  if (token !== '' && asked !== undefined)
    throw badRequest('specifying resource version is not allowed when using continue');
  if (asked !== undefined) requireReached(store, asked);
  let page: Partial<Page> =
    token !== ''
      ? readPage(token)
      : options.resourceVersionMatch === 'Exact' && asked !== undefined
        ? { revision: asked }
        : {};
  const items: AnyResource[] = [];
  for (;;) {
    const { rows, revision, more, remaining } = await store
      .list(keys, { ...page, ...(limit > 0 ? { limit: limit - items.length } : {}) })
      .catch((error) => {
        throw expired(error, page.revision ?? 0, store);
      });
    const objects = rows.map(decodeRow);
    items.push(...(selected === undefined ? objects : objects.filter(selected)));
    const metadata = { resourceVersion: String(revision) };
    const last = rows.at(-1);
    if (!more || last === undefined) return { items, metadata };
    page = { revision, after: last.key };
    if (items.length < limit) continue;
    return {
      items,
      metadata: {
        ...metadata,
        continue: writePage({ revision, after: last.key }),
        ...(selected === undefined ? { remainingItemCount: remaining } : {}),
      },
    };
  }
}
