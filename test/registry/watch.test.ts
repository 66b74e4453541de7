import { describe, expect, test, vi } from 'vitest';
import { isApiError } from '../../src/api/errors.ts';
import type { ResourceEvent } from '../../src/registry/list-watch.ts';
import { type Harness, harness } from './harness.ts';

const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }) as const;

function watching({ registry }: Harness, resourceVersion?: string): AsyncGenerator<ResourceEvent> {
  const signal = new AbortController().signal;
  return registry.watch('ConfigMap', { resourceVersion, allowWatchBookmarks: true, signal });
}

const reasonOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (isApiError(error) ? `${error.status} ${error.code}` : String(error)),
  );

describe('a watch', () => {
  test('is told by bookmarks how far it has come, without its own kind changing', async () => {
    const parts = await harness();
    const { client, clock, store } = parts;
    const { resourceVersion } = (await client.list('ConfigMap')).metadata;
    const events = watching(parts, resourceVersion);
    const next = events.next();
    await client.create('Secret', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } });
    const reached = store.revision();
    clock.advance(60_000); // names the revision of a minute ago: nothing new
    await client.create('Secret', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'b' } });
    clock.advance(60_000);
    expect(await next).toMatchObject({
      done: false,
      value: { type: 'BOOKMARK', object: { metadata: { resourceVersion: String(reached) } } },
    });
    await events.return(undefined);
  });

  test('that stops in the middle of waiting ends', async () => {
    const parts = await harness();
    const events = watching(parts);
    await parts.client.create('ConfigMap', configMap('a'));
    for await (const event of events) {
      expect(event.type).toBe('ADDED');
      break;
    }
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test('by a selector passes over what never matches, and tells of what begins and ceases to', async () => {
    const { client, registry } = await harness();
    const signal = new AbortController().signal;
    const { resourceVersion } = (await client.list('ConfigMap')).metadata;
    const events = registry.watch('ConfigMap', { resourceVersion, labelSelector: 'mine=yes', signal });
    const label = (name: string, mine: string) =>
      client.patch(
        'ConfigMap',
        { namespace: 'default', name },
        {
          type: 'merge',
          body: { metadata: { labels: { mine } } },
        },
      );
    for (const name of ['other', 'a']) await client.create('ConfigMap', configMap(name));
    await label('other', 'no');
    for (const mine of ['yes', 'yes', 'no', 'yes']) await label('a', mine);
    await client.patch(
      'ConfigMap',
      { namespace: 'default', name: 'a' },
      { type: 'merge', body: { data: { a: '1' } } },
    );
    for (const name of ['other', 'a']) await client.delete('ConfigMap', { namespace: 'default', name });
    const told: string[] = [];
    for await (const event of events) {
      if (event.type !== 'BOOKMARK') told.push(`${event.type} ${event.object.metadata.name}`);
      if (told.length === 5) break;
    }
    expect(told).toEqual(['ADDED a', 'DELETED a', 'ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  test('that its reader leaves ends the watch of the store', async () => {
    const parts = await harness();
    const signals: AbortSignal[] = [];
    const { watch } = parts.store;
    vi.spyOn(parts.store, 'watch').mockImplementation((keys, since, signal) => {
      signals.push(signal);
      return watch.call(parts.store, keys, since, signal);
    });
    const events = watching(parts, '1');
    const next = events.next();
    await parts.client.create('ConfigMap', configMap('a'));
    await next;
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    await events.return(undefined);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  test('from a version that is no longer kept is Expired, 410', async () => {
    const parts = await harness();
    const { resourceVersion } = (await parts.client.list('ConfigMap')).metadata;
    for (const name of ['a', 'b', 'c']) await parts.client.create('ConfigMap', configMap(name));
    await parts.store.compact(parts.store.revision());
    expect(await reasonOf(watching(parts, resourceVersion).next())).toBe('410 Expired');
  });

  test('from a version that is still to come is refused, so that a client lists again', async () => {
    const parts = await harness();
    expect(await reasonOf(watching(parts, '99999').next())).toBe('504 Timeout');
    expect(await reasonOf(watching(parts, 'x').next())).toBe('400 BadRequest');
  });

  test('of any version begins with what is there', async () => {
    const parts = await harness();
    await parts.client.create('ConfigMap', configMap('a'));
    const events = watching(parts, '0');
    expect((await events.next()).value).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'a' } } });
    await events.return(undefined);
  });

  test.each([
    [{ sendInitialEvents: true, allowWatchBookmarks: true }, ['ADDED a', 'BOOKMARK', 'ADDED b']],
    [{ sendInitialEvents: true, allowWatchBookmarks: false }, ['ADDED a', 'ADDED b']],
    [{ sendInitialEvents: true }, ['ADDED a', 'ADDED b']],
    [{ allowWatchBookmarks: true }, ['ADDED a', 'ADDED b']],
    [{ sendInitialEvents: false, allowWatchBookmarks: true }, ['ADDED b']],
  ])('with %o begins with %o', async (options, expected) => {
    const { client, registry, store } = await harness();
    await client.create('ConfigMap', configMap('a'));
    const reached = String(store.revision());
    const events = registry.watch('ConfigMap', { ...options, signal: new AbortController().signal });
    const told: string[] = [];
    for (const _ of expected) {
      const next = events.next();
      if (told.length === expected.length - 1) await client.create('ConfigMap', configMap('b'));
      const { value } = await next;
      told.push([value?.type, value?.object.metadata.name].filter(Boolean).join(' '));
      if (value?.type !== 'BOOKMARK') continue;
      const annotations = { 'k8s.io/initial-events-end': 'true' };
      const metadata = { resourceVersion: reached, creationTimestamp: null, annotations };
      expect(value.object).toEqual({ kind: 'ConfigMap', apiVersion: 'v1', metadata });
    }
    expect(told).toEqual(expected);
    await events.return(undefined);
  });

  test('tells a deleted object with the version of its deletion', async () => {
    const parts = await harness();
    await parts.client.create('ConfigMap', configMap('a'));
    const events = watching(parts, (await parts.client.list('ConfigMap')).metadata.resourceVersion);
    await parts.client.delete('ConfigMap', { namespace: 'default', name: 'a' });
    expect((await events.next()).value).toMatchObject({
      type: 'DELETED',
      object: { metadata: { name: 'a', resourceVersion: String(parts.store.revision()) } },
    });
    await events.return(undefined);
  });
});

describe('a list', () => {
  test('in pages that are no longer kept is Expired, 410', async () => {
    const { client, store } = await harness();
    for (const name of ['a', 'b', 'c']) await client.create('ConfigMap', configMap(name));
    const { metadata } = await client.list('ConfigMap', { limit: 1 });
    await client.delete('ConfigMap', { namespace: 'default', name: 'b' });
    await store.compact(store.revision());
    expect(await reasonOf(client.list('ConfigMap', { limit: 1, continue: metadata.continue }))).toBe(
      '410 Expired',
    );
  });

  test('fills its pages though few objects are selected, and then does not count the rest', async () => {
    const { client } = await harness();
    for (let n = 0; n < 9; n++) {
      const labels = { odd: String(n % 2) };
      await client.create('ConfigMap', { ...configMap(`c${n}`), metadata: { name: `c${n}`, labels } });
    }
    const page = await client.list('ConfigMap', { limit: 3, labelSelector: 'odd=1' });
    expect(page.items.map(({ metadata }) => metadata.name)).toEqual(['c1', 'c3', 'c5']);
    expect(page.metadata).not.toHaveProperty('remainingItemCount');
    const rest = await client.list('ConfigMap', {
      limit: 3,
      labelSelector: 'odd=1',
      continue: page.metadata.continue,
    });
    expect(rest.items.map(({ metadata }) => metadata.name)).toEqual(['c7']);
    expect(rest.metadata).not.toHaveProperty('continue');
  });

  test('at an exact version is as things were then', async () => {
    const { client, registry } = await harness();
    await client.create('ConfigMap', configMap('a'));
    const { resourceVersion } = (await client.list('ConfigMap')).metadata;
    await client.create('ConfigMap', configMap('b'));
    const then = await registry.list('ConfigMap', { resourceVersion, resourceVersionMatch: 'Exact' });
    expect(then.items.map(({ metadata }) => metadata.name)).toEqual(['a']);
    const now = await registry.list('ConfigMap', { resourceVersion, resourceVersionMatch: 'NotOlderThan' });
    expect(now.items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
  });
});

describe('a watch by metadata.name', () => {
  test('is told of that object alone, and of nothing that happens to others', async () => {
    const { client, store, registry } = await harness();
    const watched = vi.spyOn(store, 'watch');
    const since = (await client.list('ConfigMap')).metadata.resourceVersion;
    const { signal } = new AbortController();
    const selection = { namespace: 'default', fieldSelector: 'metadata.name=b' };
    const events = registry.watch('ConfigMap', { ...selection, resourceVersion: since, signal });
    for (const name of ['a', 'b', 'bb']) await client.create('ConfigMap', configMap(name));
    await client.delete('ConfigMap', { namespace: 'default', name: 'b' });
    expect((await events.next()).value).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'b' } } });
    expect((await events.next()).value).toMatchObject({
      type: 'DELETED',
      object: { metadata: { name: 'b' } },
    });
    expect(watched).toHaveBeenCalledWith(
      { only: '/core/configmaps/default/b' },
      Number(since),
      expect.anything(),
    );
    await events.return(undefined);
  });
});
