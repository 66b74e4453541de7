import { describe, expect, test } from 'vitest';
import { createInits, isStatic } from '../../../src/drivers/docker/container-init.ts';
import { EngineError } from '../../../src/drivers/docker/engine.ts';
import { ManualClock } from '../../fakes/clock.ts';

const facts = { podman: true, version: 'Podman 4.3', init: true };
const busybox = '/bin/busybox';
const missing = new EngineError(500, 'container-init binary not found on the host: stat /x/catatonit');

describe('the init of containers', () => {
  const clock = new ManualClock('2026-03-02T10:00:00Z');

  test('is the engine’s own, and nothing is told of it', async () => {
    const inits = createInits(clock, [busybox]);
    expect(await inits.choose(facts)).toBe('Engine');
    expect(inits.conditions()).toEqual([]);
  });

  test.each([
    'container-init binary not found on the host: stat /usr/libexec/podman/catatonit: no such file or directory',
    'finding catatonit binary: could not find "catatonit" in one of [/usr/libexec/podman]',
  ])('is a static one of the host where the engine says %s', async (message) => {
    const inits = createInits(clock, [process.execPath, '/no/such/file', busybox]);
    await inits.choose(facts);
    expect(inits.refused('Engine', new EngineError(500, message))).toBe(true);
    expect(await inits.choose(facts)).toEqual({ path: busybox });
    expect(inits.conditions()).toMatchObject([{ type: 'Init', status: 'True', reason: 'FromHost' }]);
  });

  test('is none where the host has none either, and the condition says what to install', async () => {
    const inits = createInits(clock, []);
    expect(inits.refused('Engine', missing)).toBe(true);
    expect(await inits.choose(facts)).toBe('None');
    const message = expect.stringContaining('apt install catatonit');
    expect(inits.conditions()).toMatchObject([{ type: 'Init', status: 'False', reason: 'Missing', message }]);
  });

  test('is none where the engine cannot see the one of this host', async () => {
    const inits = createInits(clock, [busybox]);
    const init = await inits.choose({ ...facts, init: false });
    expect(init).toEqual({ path: busybox });
    const error = new EngineError(400, `bind source path does not exist: ${busybox}`);
    expect(inits.refused(init, error)).toBe(true);
    expect(await inits.choose({ ...facts, init: false })).toBe('None');
  });

  test('is asked for again after a minute, as it may have been installed', async () => {
    const inits = createInits(clock, []);
    inits.refused('Engine', missing);
    expect(await inits.choose(facts)).toBe('None');
    await clock.advance(60_000);
    expect(await inits.choose(facts)).toBe('Engine');
  });

  test('is not to blame for other refusals', () => {
    const inits = createInits(clock, [busybox]);
    const error = new EngineError(404, 'no such image');
    for (const init of ['Engine', 'None', { path: busybox }] as const)
      expect(inits.refused(init, error)).toBe(false);
  });

  test.each([
    [busybox, true],
    [process.execPath, false],
    [import.meta.filename, false],
    ['/dev/null', false],
    ['/no/such/file', false],
    ['/', false],
  ])('%s is static: %s', async (path, verdict) => {
    expect(await isStatic(path)).toBe(verdict);
  });
});
