import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import { createDirectorySource, type DirectoryDeps } from '../../src/sources/directory.ts';
import type { Render } from '../../src/sources/kustomize.ts';
import { limits, type Source } from '../../src/sources/source.ts';
import { sourceContract } from '../contracts/source.ts';

/** So much later that all files are at rest. */
const later: Clock = { ...systemClock, now: () => systemClock.now() + 60_000 };
const signal = new AbortController().signal;
const noRender: Render = async () => {
  throw new Error('nothing is to be rendered');
};

let folder: string;
const opened: Source[] = [];

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'agentctl-directory-')), 'manifests');
  mkdirSync(folder);
});
afterEach(async () => {
  for (const source of opened.splice(0)) await source.close();
  rmSync(dirname(folder), { recursive: true });
});

function open(
  globs: Partial<DirectoryDeps['directory']> = {},
  { clock = later, render = noRender }: { clock?: Clock; render?: Render } = {},
): Source {
  const directory = { path: folder, include: ['**/*.{yaml,yml,json}'], ignore: [], ...globs };
  const source = createDirectorySource({ directory, clock, searchPath: '', render });
  opened.push(source);
  return source;
}

function put(name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

async function read(source = open()): Promise<Record<string, string>> {
  const { files } = await source.read(await source.look(signal), signal);
  return Object.fromEntries(files.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()]));
}

const shell = (command: string): void => {
  execFileSync('/bin/sh', ['-c', command], { cwd: folder });
};

sourceContract('a folder', async () => {
  const root = mkdtempSync(join(tmpdir(), 'agentctl-directory-'));
  return {
    async put(files) {
      for (const [name, content] of Object.entries(files)) {
        const path = join(root, name);
        rmSync(path, { force: true });
        if (content === null) continue;
        mkdirSync(dirname(path), { recursive: true });
        if (typeof content === 'string' || content instanceof Uint8Array) writeFileSync(path, content);
        else symlinkSync(content.linkTo, path);
      }
    },
    open: ({ path = '.', ...globs } = {}) => open({ path: join(root, path), ...globs }),
    async [Symbol.asyncDispose]() {
      rmSync(root, { recursive: true });
    },
  };
});

describe('links', () => {
  test("lead to files within, as in a ConfigMap's volume", async () => {
    shell('mkdir ..2026; echo one > ..2026/a.yaml; ln -s ..2026 ..data; ln -s ..data/a.yaml a.yaml');
    expect(await read()).toEqual({ 'a.yaml': 'one\n' });
  });

  test('to the folder by another name count as within', async () => {
    put('sub/b.yaml', 'b');
    symlinkSync(folder, join(dirname(folder), 'other'));
    symlinkSync(join(dirname(folder), 'other', 'sub', 'b.yaml'), join(folder, 'a.yaml'));
    expect(await read(open({ path: join(dirname(folder), 'other') }))).toEqual({
      'a.yaml': 'b',
      'sub/b.yaml': 'b',
    });
  });

  test('in a circle end', async () => {
    put('a/x.yaml', 'x');
    put('b/y.yaml', 'y');
    shell('ln -s ../b a/b; ln -s ../a b/a; ln -s .. a/up; ln -s me a/me');
    expect(await read()).toEqual({
      'a/x.yaml': 'x',
      'a/b/y.yaml': 'y',
      'b/y.yaml': 'y',
      'b/a/x.yaml': 'x',
    });
  });

  test('out of the folder are refused, to a folder and to a file', async () => {
    mkdirSync(join(dirname(folder), 'manifests-of-others'));
    symlinkSync('../manifests-of-others', join(folder, 'x'));
    await expect(read()).rejects.toMatchObject({
      code: 'OutsideTree',
      message: expect.stringContaining('x is a link to a place outside'),
    });
    rmSync(join(folder, 'x'));
    symlinkSync('/etc/passwd', join(folder, 'p.yaml'));
    await expect(read()).rejects.toMatchObject({ code: 'OutsideTree' });
  });

  test('that nobody asks for may lead anywhere', async () => {
    put('a.yaml', 'a');
    shell('ln -s /etc/passwd readme.txt; ln -s nowhere gone.txt');
    expect(await read()).toEqual({ 'a.yaml': 'a' });
  });

  test('that cannot be followed, and may lead to manifests, is told', async () => {
    put('a.yaml', 'a');
    symlinkSync('x'.repeat(300), join(folder, 'more'));
    await expect(read()).rejects.toMatchObject({
      code: 'PathMissing',
      message: expect.stringContaining('which cannot be read: ENAMETOOLONG'),
    });
  });

  test('to nothing are told', async () => {
    symlinkSync('nowhere.yaml', join(folder, 'a.yaml'));
    await expect(read()).rejects.toMatchObject({
      code: 'PathMissing',
      message: expect.stringContaining('a.yaml is a link to nowhere.yaml'),
    });
  });
});

test('pipes, sockets and devices are passed over, and never opened', async () => {
  put('a.yaml', 'a');
  shell('mkfifo b.yaml; ln -s b.yaml c.yaml; ln -s /dev/zero .zero');
  const server = createServer().listen(join(folder, 'd.yaml'));
  await expect.poll(() => server.listening).toBe(true);
  expect(await read()).toEqual({ 'a.yaml': 'a' });
  server.close();
});

describe('a folder that cannot be read', () => {
  test('tells what is the matter', async () => {
    put('file', '');
    for (const path of [join(folder, 'gone'), join(folder, 'file'), join(folder, 'file', 'x')]) {
      await expect(read(open({ path }))).rejects.toMatchObject({
        name: 'SourceError',
        code: 'PathMissing',
      });
    }
  });

  test.skipIf(process.getuid?.() === 0)('as when it is closed to the user', async () => {
    put('sub/a.yaml', 'a');
    chmodSync(join(folder, 'sub'), 0);
    await expect(read()).rejects.toMatchObject({ code: 'PathMissing' });
    chmodSync(join(folder, 'sub'), 0o700);
  });

  test('is no empty one, and is read again when it is back', async () => {
    put('a.yaml', 'a');
    const source = open();
    const { revision } = await source.look(signal);
    renameSync(folder, `${folder}-away`);
    await expect(source.look(signal)).rejects.toMatchObject({ code: 'PathMissing' });
    renameSync(`${folder}-away`, folder);
    expect((await source.look(signal)).revision).toBe(revision);
  });
});

describe('what is being written', () => {
  /** A clock on which so much has passed since the last change of what stands there. */
  const since = (name: string, ms: number): Clock => ({
    ...systemClock,
    now: () => statSync(join(folder, name)).ctimeMs + ms,
  });

  test('is not read until it has been at rest for a moment', async () => {
    put('a.yaml', 'a');
    for (const ms of [0, 200, -200]) {
      const source = open({}, { clock: since('a.yaml', ms) });
      await expect(source.look(signal)).rejects.toMatchObject({ code: 'Unsettled' });
    }
    expect(await read(open({}, { clock: since('a.yaml', 400) }))).toEqual({ 'a.yaml': 'a' });
  });

  test('counts though its time is set back', async () => {
    put('a.yaml', 'a');
    utimesSync(join(folder, 'a.yaml'), 1, 1);
    await expect(open({}, { clock: since('a.yaml', 100) }).look(signal)).rejects.toMatchObject({
      code: 'Unsettled',
    });
  });

  test('is of no matter where it is no manifest', async () => {
    put('a.yaml', 'a');
    put('notes.txt', 'n');
    const written = statSync(join(folder, 'notes.txt')).ctimeMs;
    const clock: Clock = { ...systemClock, now: () => written + 400 };
    await expect
      .poll(() => {
        writeFileSync(join(folder, 'notes.txt'), 'more');
        return statSync(join(folder, 'notes.txt')).ctimeMs;
      })
      .toBeGreaterThan(written + 150);
    expect(await read(open({}, { clock }))).toEqual({ 'a.yaml': 'a' });
  });

  test('is not read while an editor has put the old one away and not yet written the new one', async () => {
    put('a.yaml', 'a');
    let passed = 10_000;
    const source = open({}, { clock: { ...systemClock, now: () => since('.', passed).now() } });
    await source.look(signal);
    shell('mv a.yaml a.yaml~');
    passed = 100;
    await expect(source.look(signal)).rejects.toMatchObject({ code: 'Unsettled' });
  });

  test('is never taken for whole: what is read is what stood there before or after', async () => {
    const whole = 'x'.repeat(200_000);
    put('a.yaml', whole);
    const file = openSync(join(folder, 'a.yaml'), 'r+');
    const source = open({}, { clock: later }); // so only a change while it is read can be noticed
    for (let round = 0; round < 30; round++) {
      const reading = read(source).catch((error: unknown) => error);
      await new Promise((resolve) => setImmediate(resolve));
      for (let at = 0; at < 200_000; at += 50_000) writeSync(file, String(round % 10).repeat(50_000), at);
      const found = await reading;
      if (found instanceof Error) expect(found).toMatchObject({ code: 'Unsettled' });
      else expect(new Set((found as Record<string, string>)['a.yaml']).size).toBe(1); // what read answers
    }
    closeSync(file);
  });
});

test('a name and a content are never taken for another name and content', async () => {
  put('a.yaml', 'b.yaml');
  const first = (await open().look(signal)).revision;
  rmSync(join(folder, 'a.yaml'));
  put('a.yamlb.yaml', '');
  expect((await open().look(signal)).revision).not.toBe(first);
  expect(first).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test('more than a source reads is refused', async () => {
  put('a.yaml', '');
  writeFileSync(join(folder, 'a.yaml'), Buffer.alloc(limits.file + 1));
  await expect(open().look(signal)).rejects.toMatchObject({ code: 'TooLarge' });
});

describe('with a kustomization', () => {
  test('the revision is of all files, and what is read is what kustomize makes of a copy of them', async () => {
    put('kustomization.yaml', 'resources: [sub/a.yaml]\n');
    put('sub/a.yaml', 'a');
    put('sub/env.properties', 'x=1');
    put('.hidden', 'h');
    const seen: string[] = [];
    const render: Render = async ({ root, path, sealed }) => {
      expect([path, sealed]).toEqual(['.', true]);
      expect(root).not.toContain(folder);
      seen.push(execFileSync('find', ['.', '-type', 'f'], { cwd: root, encoding: 'utf8' }));
      seen.push(root);
      return Buffer.from('rendered');
    };
    const source = open({ include: ['nothing'] }, { render });
    const first = await source.look(signal);
    expect(await read(source)).toEqual({ 'kustomize build .': 'rendered' });
    expect(seen[0]?.trim().split('\n').sort()).toEqual([
      './kustomization.yaml',
      './sub/a.yaml',
      './sub/env.properties',
    ]);
    expect(() => statSync(seen[1] ?? '')).toThrow('ENOENT');
    put('sub/env.properties', 'x=2');
    expect((await source.look(signal)).revision).not.toBe(first.revision);
  });
});

test('a watch tells of a change once it can be read, and ends with the source', async () => {
  put('a.yaml', 'a');
  const source = open({}, { clock: systemClock });
  const changed = vi.fn();
  source.watch?.(changed);
  await vi.waitFor(() => expect(changed).toHaveBeenCalled(), { timeout: 40_000 });
  expect(await read(source)).toEqual({ 'a.yaml': 'a' });
  changed.mockClear();
  put('a.yaml', 'b');
  await vi.waitFor(() => expect(changed).toHaveBeenCalled(), { timeout: 40_000 });
  expect(await read(source)).toEqual({ 'a.yaml': 'b' });
  await source.close();
});
