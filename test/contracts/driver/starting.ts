import { describe, expect, test, vi } from 'vitest';
import { containerName } from '../../../src/api/names.ts';
import type { DriverContext } from './context.ts';

/** What a driver promises of create, list, inspect and restart. */
export function startingTests(t: DriverContext): void {
  const { specOf, inspected, ended, textsOf, printed, refusal, unique } = t;

  describe('create', () => {
    test('starts the program and tells whose it is', async () => {
      const spec = specOf({ prints: ['up'] });
      const before = Date.now();
      const observed = await t.driver.create(spec);
      expect(observed).toMatchObject({
        instanceUid: spec.identity.uid,
        namespace: 'default',
        agent: spec.identity.agent,
        instance: spec.identity.instance,
        run: 1,
        revision: 'r1',
        state: 'Running',
        startId: expect.stringMatching(/./),
        controllerVersion: '1.2.3',
      });
      expect(observed.startedAt).toBeGreaterThan(before - 2_000);
      expect(observed.startedAt).toBeLessThan(Date.now() + 2_000);
      expect(observed.exit).toBeUndefined();
      expect(await inspected(observed.ref)).toEqual(observed);
      expect(await t.driver.list()).toEqual([observed]);
    });

    test('replaces what has its name and is ours', async () => {
      const spec = specOf({ prints: ['first'] });
      const first = await t.driver.create(spec);
      await printed(first.ref, 'first');
      const again = { ...spec, ...t.harness.run({ prints: ['second'] }, '999') };
      const second = await t.driver.create({ ...again, identity: { ...spec.identity, run: 2 } });
      expect(second.startId).not.toBe(first.startId);
      expect(second).toMatchObject({ run: 2, state: 'Running' });
      await printed(second.ref, 'second');
      expect(await t.driver.list()).toHaveLength(1);
    });

    test('shows an exit that came at once, with its code', async () => {
      const { ref } = await t.driver.create(specOf({ ends: 3 }));
      const observed = await ended(ref);
      expect(observed.exit).toMatchObject({ code: 3, cause: 'Agent' });
      expect(observed.startId).toMatch(/./);
      expect(observed.exit?.finishedAt).toBeGreaterThanOrEqual(observed.startedAt ?? Infinity);
      expect(observed.exit?.finishedAt).toBeLessThan(Date.now() + 2_000);
    });

    test.skipIf(!t.has('logs'))('hands the environment and the files over', async () => {
      const { ref } = await t.driver.create(
        specOf(
          { reads: t.harness.filePath, printsVariable: 'GREETING' },
          {
            env: { GREETING: 'good morning' },
            files: [{ path: t.harness.filePath, content: Buffer.from('from a file'), mode: 0o444 }],
          },
        ),
      );
      await printed(ref, 'GREETING=good morning');
      expect(await textsOf(ref)).toContain('from a file');
    });

    test('says that a command is missing, and leaves nothing behind', async () => {
      const spec = specOf({}, { command: ['/no/such/program'] });
      expect(await refusal(t.driver.create(spec))).toMatchObject({
        kind: 'NotStartable',
        code: 'CommandNotFound',
        message: expect.stringContaining('/no/such/program'),
      });
      expect(await t.driver.list()).toEqual([]);
    });

    test.skipIf(!t.has('images'))('says that an image is missing, by name', async () => {
      const spec = specOf({}, { image: 'no-such-image:1', pullPolicy: 'Never' });
      expect(await refusal(t.driver.create(spec))).toMatchObject({
        kind: 'NotStartable',
        code: 'ImageMissing',
        message: expect.stringContaining('no-such-image:1'),
      });
      expect(await t.driver.list()).toEqual([]);
    });

    test.skipIf(!t.has('volumes'))('says that a path of the host is missing', async () => {
      const spec = specOf(
        {},
        { mounts: [{ type: 'Host', path: '/no/such/folder', mountPath: '/data', readOnly: false }] },
      );
      expect(await refusal(t.driver.create(spec))).toMatchObject({
        kind: 'NotStartable',
        code: 'MountMissing',
        message: expect.stringContaining('/no/such/folder'),
      });
      expect(await t.driver.list()).toEqual([]);
    });

    test.skipIf(!t.traits.networks)('says that a network is missing, by name', async () => {
      const spec = specOf({}, { network: { mode: 'Bridge', name: 'no-such-network', ports: [] } });
      expect(await refusal(t.driver.create(spec))).toMatchObject({
        kind: 'NotStartable',
        code: 'NetworkMissing',
        message: expect.stringContaining('no-such-network'),
      });
      expect(await t.driver.list()).toEqual([]);
    });

    test('keeps two instances apart whose namespace and name look the same joined', async () => {
      const specs = [
        ['team-a', 'b-0'],
        ['team', 'a-b-0'],
      ].map(([namespace = '', instance = '']) => {
        const spec = specOf({});
        const identity = { ...spec.identity, namespace, instance, agent: instance.replace(/-0$/, '') };
        return { ...spec, identity };
      });
      const made = await Promise.all(specs.map((spec) => t.driver.create(spec)));
      for (const { ref } of made) expect(await inspected(ref)).toMatchObject({ state: 'Running' });
    });

    test.skipIf(!t.traits.names)("leaves a stranger's container of that name alone", async () => {
      const spec = specOf({});
      const taken = containerName(spec.identity);
      const removeStranger = await t.harness.stranger?.(taken);
      expect(await refusal(t.driver.create(spec))).toMatchObject({
        kind: 'NotStartable',
        code: 'NameTaken',
        message: expect.stringContaining(taken),
      });
      await removeStranger?.();
      expect(await t.driver.create(spec)).toMatchObject({ state: 'Running' });
    });

    test.skipIf(!t.traits.names)("leaves another controller's container of that name alone", async () => {
      const spec = specOf({});
      const theirs = await t.other.create({
        ...spec,
        identity: { ...spec.identity, store: `other-${unique}` },
      });
      expect(await refusal(t.driver.create(spec))).toMatchObject({ code: 'NameTaken' });
      expect(await t.other.inspect(theirs.ref)).toEqual(theirs);
    });
  });

  describe('list and inspect', () => {
    test("show only this store's", async () => {
      const theirs = await t.other.create({
        ...specOf({}),
        identity: { ...specOf({}).identity, store: `other-${unique}` },
      });
      const mine = await t.driver.create(specOf({}));
      expect(await t.driver.list()).toEqual([mine]);
      expect(await t.driver.inspect(theirs.ref)).toBeUndefined();
      expect(await t.other.list()).toEqual([theirs]);
    });

    test('agree about what has ended', async () => {
      const { ref } = await t.driver.create(specOf({ ends: 4 }));
      const observed = await ended(ref);
      expect(await t.driver.list()).toEqual([observed]);
    });

    test('know nothing of what is gone', async () => {
      const { ref } = await t.driver.create(specOf({ ends: 0 }));
      await ended(ref);
      await t.driver.remove(ref, { volumes: true });
      expect(await t.driver.inspect(ref)).toBeUndefined();
      expect(await t.driver.list()).toEqual([]);
    });
  });

  describe.skipIf(!t.has('restart'))('restart', () => {
    test('starts it again with its file system and log as they were', async () => {
      const spec = specOf({ countsStarts: true, ends: 1 });
      const first = await t.driver.create(spec);
      await ended(first.ref);
      const again = await t.driver.restart(first.ref, {
        ...spec,
        identity: { ...spec.identity, run: 2 },
      });
      expect(again.ref).toBe(first.ref);
      expect(again.startId).not.toBe(first.startId);
      await printed(first.ref, 'start 2');
      expect(await textsOf(first.ref)).toContain('start 1');
    });

    test('of what runs succeeds and changes nothing', async () => {
      const spec = specOf({});
      const first = await t.driver.create(spec);
      expect(await t.driver.restart(first.ref, spec)).toEqual(first);
    });

    test('puts the files back', async () => {
      const spec = specOf(
        { reads: t.harness.filePath, ends: 0 },
        { files: [{ path: t.harness.filePath, content: Buffer.from('content'), mode: 0o400 }] },
      );
      const { ref } = await t.driver.create(spec);
      await ended(ref);
      await t.driver.restart(ref, { ...spec, identity: { ...spec.identity, run: 2 } });
      await vi.waitFor(
        async () =>
          expect((await textsOf(ref)).filter((text) => text === 'content')).toEqual(['content', 'content']),
        { timeout: 40_000, interval: 20 },
      );
    });

    test('of what is gone fails and can be tried otherwise', async () => {
      const spec = specOf({ ends: 0 });
      const { ref } = await t.driver.create(spec);
      await ended(ref);
      await t.driver.remove(ref, { volumes: false });
      expect(await refusal(t.driver.restart(ref, spec))).toMatchObject({ kind: 'Retryable', code: 'Gone' });
    });
  });
}
