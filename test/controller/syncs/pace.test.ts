/** When a Sync looks, and that it never does so more often than it must. */
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../../src/api/errors.ts';
import type { Resources } from '../../../src/client/resources.ts';
import { SourceError } from '../../../src/sources/source.ts';
import { Estate, policyYaml } from './estate.ts';

const webhook = (estate: Estate) =>
  estate.edit('Sync', 'fleet', {
    metadata: {
      annotations: { 'agentctl.dev/webhook-received': new Date(estate.house.clock.now()).toISOString() },
    },
  });

/** A Sync whose first revision is applied, at rest. */
async function settled(spec: Parameters<Estate['follow']>[0] = {}, estate?: Estate): Promise<Estate> {
  const opened = estate ?? (await Estate.open());
  const revision = opened.push({ 'a.yaml': policyYaml('a'), 'b.yaml': policyYaml('b') });
  await opened.follow({ jitter: 0, ...spec });
  await opened.applied(revision);
  await opened.quiet();
  opened.wrote();
  return opened;
}

describe('looks', () => {
  test('of a Sync at rest are one an interval', async () => {
    await using estate = await settled({ interval: '10s' });
    const before = estate.looks;
    await estate.pass(60_000);
    expect(estate.looks - before).toBe(6);
    expect(estate.reads).toBe(1);
    expect(estate.wrote()).toEqual([]);
  });

  test('are later by up to the jitter, and not all by the same', async () => {
    await using estate = await settled({ interval: '10s', jitter: 1 });
    const before = estate.looks;
    await estate.pass(200_000);
    const looks = estate.looks - before;
    expect(looks).toBeGreaterThan(10);
    expect(looks).toBeLessThan(20);
  });

  test('come at once by a webhook, and one webhook is one look though the clock stands still', async () => {
    await using estate = await settled({ interval: '1h' });
    const before = estate.looks;
    await webhook(estate);
    await estate.quiet();
    expect(estate.looks - before).toBe(1);
    estate.house.clock.advance(1);
    await webhook(estate);
    await estate.quiet();
    expect(estate.looks - before).toBe(2);
  });

  test('are not caused by a webhook while suspended, and are when it is resumed', async () => {
    await using estate = await settled({ interval: '1h', suspend: true }, undefined).catch(async () =>
      Estate.open(),
    );
    const revision = estate.push({ 'a.yaml': policyYaml('a') });
    await estate.follow({ interval: '1h', suspend: true });
    await estate.until(
      ({ status }) => status?.conditions?.some(({ reason }) => reason === 'Suspended') === true,
    );
    await webhook(estate);
    await estate.quiet();
    expect(estate.looks).toBe(0);
    await estate.follow({ interval: '1h' });
    await estate.applied(revision);
  });

  test('are made again where a webhook came while one was under way', async () => {
    await using estate = await settled({ interval: '1h' });
    let open = (): void => {};
    estate.house.sources.gate = new Promise((resolve) => {
      open = resolve;
    });
    estate.push({ 'a.yaml': policyYaml('a', 1), 'b.yaml': policyYaml('b') });
    await webhook(estate);
    const reads = estate.reads;
    await estate.house.until(() => estate.reads > reads);
    estate.house.clock.advance(5);
    await webhook(estate);
    await estate.quiet();
    const looks = estate.looks;
    open();
    await estate.quiet();
    // One within the read that waited, one for the second webhook.
    expect(estate.looks - looks).toBe(2);
  });

  test('are made again where one was asked for while another was under way', async () => {
    await using estate = await settled({ interval: '1h' });
    let open = (): void => {};
    estate.house.sources.gate = new Promise((resolve) => {
      open = resolve;
    });
    const ask = (at: string) =>
      estate.edit('Sync', 'fleet', { metadata: { annotations: { 'agentctl.dev/sync-requested': at } } });
    estate.push({ 'a.yaml': policyYaml('a', 1), 'b.yaml': policyYaml('b') });
    await ask('one');
    const reads = estate.reads;
    await estate.house.until(() => estate.reads > reads);
    await ask('two');
    open();
    await estate.until(({ status }) => status?.lastHandledRequest === 'two');
    await estate.quiet();
    expect(await estate.condition('Ready')).toMatch(/^True Synced/);
  });

  test('follow the folder that says it changed', async () => {
    await using estate = await settled({ interval: '1h' });
    const revision = estate.push({ 'a.yaml': policyYaml('a', 1), 'b.yaml': policyYaml('b') });
    estate.house.sources.changed();
    await estate.applied(revision);
  });

  test('of files that are being written come again soon, but not at once, and then are a failure', async () => {
    await using estate = await settled({ interval: '1m' });
    estate.house.sources.fail(new SourceError('Unsettled', 'a.yaml is being written.'));
    let before = estate.looks;
    estate.house.sources.changed();
    await estate.quiet();
    expect(estate.looks - before).toBe(1);
    expect(await estate.condition('Fetched')).toMatch(/^True/);
    before = estate.looks;
    await estate.pass(30_000, 100);
    expect(estate.looks - before).toBeLessThan(12);
    expect(await estate.condition('Fetched')).toBe('False Unsettled: a.yaml is being written.');
    estate.house.sources.fail();
    await estate.pass(60_000, 1_000);
    expect(await estate.condition('Fetched')).toMatch(/^True/);
  });

  test('that were asked for of files that are being written are no busy loop either', async () => {
    await using estate = await settled({ interval: '1m' });
    estate.house.sources.fail(new SourceError('Unsettled', 'a.yaml is being written.'));
    const before = estate.looks;
    await estate.edit('Sync', 'fleet', {
      metadata: { annotations: { 'agentctl.dev/sync-requested': 'now' } },
    });
    await estate.quiet();
    expect(estate.looks - before).toBe(1);
    estate.house.sources.fail();
    await estate.pass(1_000, 100);
    expect((await estate.sync()).status?.lastHandledRequest).toBe('now');
  });
});

describe('a tug-of-war', () => {
  test('slows down, and whoever stops it is set back soon the next time', async () => {
    await using estate = await settled({ interval: '10m' });
    const { house } = estate;
    let fights = true;
    house.controller.cache.policies.addHandler({
      added: () => {},
      updated: (_, { metadata, spec }) => {
        if (fights && metadata.name === 'a' && spec.priority !== 7)
          void estate.edit('Policy', 'a', { spec: { priority: 7 } });
      },
      deleted: () => {},
    });
    await estate.edit('Policy', 'a', { spec: { priority: 7 } });
    await estate.quiet();
    expect(estate.wrote()).toEqual([]); // not at once: whoever writes it may not be done
    await estate.pass(60_000, 100);
    const inOneMinute = estate.wrote().filter((line) => line === 'apply Policy/a').length;
    expect(inOneMinute).toBeGreaterThan(2);
    expect(inOneMinute).toBeLessThan(12);
    fights = false;
    await estate.pass(1_200_000, 10_000);
    const policy = await house.user.get('Policy', { namespace: 'default', name: 'a' });
    expect(policy.spec.priority).toBe(0);
    estate.wrote();
    await estate.edit('Policy', 'a', { spec: { priority: 5 } });
    await estate.pass(1_000, 100);
    expect(estate.wrote()).toContain('apply Policy/a');
  });
});

describe('a failure of the API in the middle', () => {
  const failing = (holder: { error?: Error; on: string }) => (resources: Resources) =>
    new Proxy(resources, {
      get: (object, name) => {
        const value: unknown = Reflect.get(object, name, object);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const [kind, , , options = {}] = args as [
            string,
            unknown,
            unknown,
            { dryRun?: boolean; fieldManager?: string }?,
          ];
          const what = `${String(name)} ${kind}${options.dryRun === true ? ' dry' : ''}`;
          const ofSync =
            name === 'get' || name === 'delete' || options.fieldManager?.startsWith('sync/') === true;
          if (holder.error !== undefined && ofSync && what === holder.on) return Promise.reject(holder.error);
          return value.apply(object, args);
        };
      },
    });

  for (const on of ['patch Policy dry', 'patch Policy', 'get Sync', 'get Policy', 'delete Policy'])
    for (const error of [new ApiError('InternalError', 'the disk is full'), new Error('socket hang up')])
      test(`is told, is no fault of the manifests, and is tried again: ${on}, ${error.name}`, async () => {
        const holder: { error?: Error; on: string } = { on };
        await using estate = await settled(
          { interval: '1h' },
          await Estate.open({ client: failing(holder) }),
        );
        holder.error = error;
        const revision = estate.push({ 'a.yaml': policyYaml('a', 1) });
        await webhook(estate);
        await estate.quiet();
        expect(await estate.condition('Ready')).toMatch(
          /^False ApplyFailed: .*(the disk is full|socket hang up)/,
        );
        expect((await estate.sync()).status?.retryAt).toBeDefined();
        const looks = estate.looks;
        await estate.quiet();
        expect(estate.looks).toBe(looks);
        delete holder.error;
        await estate.pass(5_000);
        expect((await estate.sync()).status?.revision).toBe(revision);
        expect(await estate.condition('Ready')).toMatch(/^True Synced/);
        expect(await estate.names('Policy')).toEqual(['a']);
      });
});

describe('a controller that stops', () => {
  test('tells no failure of the look that it breaks off', async () => {
    await using estate = await settled({ interval: '1h' });
    const { house } = estate;
    let open = (): void => {};
    house.sources.gate = new Promise((resolve) => {
      open = resolve;
    });
    estate.push({ 'a.yaml': policyYaml('a', 1), 'b.yaml': policyYaml('b') });
    const reads = estate.reads;
    await webhook(estate);
    await house.until(() => estate.reads > reads);
    const stopped = house.restart(() => house.sources.gate === undefined);
    await house.rest();
    house.sources.gate = undefined;
    open();
    await stopped;
    expect(await estate.told()).not.toContainEqual(expect.stringContaining('took too long'));
    await estate.quiet();
    expect(await estate.condition('Ready')).toMatch(/^True Synced/);
  });
});
