import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { limits, type Manifests, type Source } from '../../src/sources/source.ts';

export interface SourceWorld extends AsyncDisposable {
  /** Changes files below the source's root; null removes. They stand there when it resolves. */
  put(files: Record<string, string | Uint8Array | { linkTo: string } | null>): Promise<void>;
  /** A source over the folder `path` below the root. */
  open(options?: { path?: string; include?: string[]; ignore?: string[] }): Source;
}

/** What every Source must keep. `begin` gives an empty root, or one with files that are never read. */
export function sourceContract(name: string, begin: () => Promise<SourceWorld>): void {
  describe(`${name} keeps the contract of Source`, () => {
    let world: SourceWorld;
    const opened: Source[] = [];
    const signal = AbortSignal.any([]);

    beforeEach(async () => {
      world = await begin();
    });
    afterEach(async () => {
      for (const source of opened.splice(0)) await source.close();
      await world[Symbol.asyncDispose]();
    });

    const open = (options?: Parameters<SourceWorld['open']>[0]): Source => {
      const source = world.open(options);
      opened.push(source);
      return source;
    };
    const readAll = async (source: Source): Promise<Manifests> =>
      source.read(await source.look(signal), signal);
    const texts = ({ files }: Manifests): Record<string, string> =>
      Object.fromEntries(files.map(({ name, bytes }) => [name, Buffer.from(bytes).toString('utf8')]));
    const names = async (source: Source): Promise<string[]> =>
      (await readAll(source)).files.map((file) => file.name);

    test('what is read is of the revision that was seen', async () => {
      await world.put({ 'a.yaml': 'a: 1\n' });
      const source = open();
      const found = await source.look(signal);
      const manifests = await source.read(found, signal);
      expect(manifests.revision).toBe(found.revision);
      expect(manifests.reference).toBe(found.reference);
      expect(texts(manifests)).toEqual({ 'a.yaml': 'a: 1\n' });
    });

    test('the revision stays while nothing changes, and is the same to another source', async () => {
      await world.put({ 'a.yaml': 'a: 1\n' });
      const source = open();
      const first = await source.look(signal);
      await source.read(first, signal);
      expect(await source.look(signal)).toEqual(first);
      expect(await open().look(signal)).toEqual(first);
    });

    test.each([
      ['the content', { 'a.yaml': 'a: 2\n' }],
      ['a name', { 'a.yaml': null, 'c.yaml': 'a: 1\n' }],
      ['a file more', { 'c.yaml': 'c: 1\n' }],
      ['a file less', { 'b.yaml': null }],
    ])('the revision changes with %s', async (_, files) => {
      await world.put({ 'a.yaml': 'a: 1\n', 'b.yaml': 'b: 1\n' });
      const source = open();
      const before = await readAll(source);
      await world.put(files);
      const after = await readAll(source);
      expect(after.revision).not.toBe(before.revision);
      expect(texts(after)).not.toEqual(texts(before));
    });

    test('what has moved on since the look is read as it is now or as it was, and says which', async () => {
      await world.put({ 'a.yaml': 'old' });
      const source = open();
      const before = await source.look(signal);
      await world.put({ 'a.yaml': 'new' });
      const manifests = await source.read(before, signal);
      expect(texts(manifests)['a.yaml']).toBe(manifests.revision === before.revision ? 'old' : 'new');
      expect(texts(await readAll(source))).toEqual({ 'a.yaml': 'new' });
    });

    test('files come in the order of their paths below the root', async () => {
      await world.put({ 'b/a.yaml': '1', 'b.yaml': '2', 'a.json': '{}', 'b/c/d.yml': '4', 'B.yaml': '5' });
      expect(await names(open())).toEqual(['B.yaml', 'a.json', 'b.yaml', 'b/a.yaml', 'b/c/d.yml']);
    });

    test('include says which files are read, and ignore which of them are not', async () => {
      await world.put({ 'a.yaml': '1', 'b.txt': '2', 'sub/c.yaml': '3', 'sub/skip/d.yaml': '4' });
      expect(await names(open())).toEqual(['a.yaml', 'sub/c.yaml', 'sub/skip/d.yaml']);
      expect(await names(open({ include: ['*.yaml', '**/*.txt'] }))).toEqual(['a.yaml', 'b.txt']);
      expect(await names(open({ ignore: ['sub/skip/**'] }))).toEqual(['a.yaml', 'sub/c.yaml']);
      expect(await names(open({ include: ['*.none'] }))).toEqual([]);
    });

    test('names that begin with a dot are never read', async () => {
      await world.put({ '.a.yaml': '1', '.hidden/b.yaml': '2', 'sub/.c/d.yaml': '3', 'e.yaml': '4' });
      expect(await names(open({ include: ['**/*.yaml', '.a.yaml', '.hidden/*'] }))).toEqual(['e.yaml']);
    });

    test('a folder that is not there is told, and is no empty one', async () => {
      await world.put({ 'there/a.yaml': '1' });
      await expect(readAll(open({ path: 'ther' }))).rejects.toMatchObject({
        name: 'SourceError',
        code: 'PathMissing',
      });
      expect((await readAll(open({ path: 'there' }))).files).toHaveLength(1);
    });

    test('a file in the place of the folder is told', async () => {
      await world.put({ 'a.yaml': '1' });
      await expect(readAll(open({ path: 'a.yaml' }))).rejects.toMatchObject({ code: 'PathMissing' });
    });

    test('a folder without manifests has none', async () => {
      await world.put({ 'sub/readme.txt': 'nothing here' });
      const source = open({ path: 'sub' });
      expect(await readAll(source)).toMatchObject({ files: [] });
    });

    test('bytes are passed on as they are', async () => {
      const rubbish = Uint8Array.from({ length: 70_000 }, (_, at) => (at * 7) % 256);
      await world.put({
        'a.yaml': rubbish,
        'b.yaml': '',
        'c.yaml': 'a: 1\r\nb: \ufeff2\r\n',
        'd.yaml': 'no end',
      });
      const { files } = await readAll(open());
      expect(files.map(({ bytes }) => bytes.length)).toEqual([70_000, 0, 15, 6]);
      expect(Buffer.from(files[0]?.bytes ?? []).equals(rubbish)).toBe(true);
      expect(Buffer.from(files[2]?.bytes ?? []).toString('utf8')).toBe('a: 1\r\nb: \ufeff2\r\n');
    });

    test('any name is read', async () => {
      const odd = [
        'a b.yaml',
        'grüße.yaml',
        '"quoted".yaml',
        "it's.yaml",
        '-o.yaml',
        'new\nline.yaml',
        '$(x)`y`;.yaml',
        ':(top)z.yaml',
        '日本.yaml',
        'back\\slash.yaml',
      ];
      await world.put(Object.fromEntries(odd.map((name) => [name, name])));
      expect(texts(await readAll(open()))).toEqual(Object.fromEntries(odd.map((name) => [name, name])));
    });

    test('500 files are read', async () => {
      const many = Array.from({ length: 500 }, (_, at) => [`${at % 10}/${at}.yaml`, `n: ${at}`] as const);
      await world.put(Object.fromEntries(many));
      expect(texts(await readAll(open()))).toEqual(Object.fromEntries(many));
    });

    test('a file that is too large is refused by its name, unless it is ignored', async () => {
      await world.put({ 'sub/huge.yaml': Buffer.alloc(limits.file + 1, 'a'), 'b.yaml': '1' });
      await expect(readAll(open())).rejects.toMatchObject({
        code: 'TooLarge',
        message: expect.stringContaining('sub/huge.yaml'),
      });
      expect(await names(open({ ignore: ['**/huge.yaml'] }))).toEqual(['b.yaml']);
    });

    test('files that are too large together are refused', async () => {
      const part = Buffer.alloc(limits.file, 'a');
      const files = Object.fromEntries([1, 2, 3, 4].map((n) => [`${n}.yaml`, part]));
      await world.put({ ...files, '5.yaml': 'one more' });
      await expect(readAll(open())).rejects.toMatchObject({ code: 'TooLarge' });
    });

    test('a link out of the tree is refused, to a file and to a folder, unless it is ignored', async () => {
      await world.put({ 'a.yaml': '1', 'b.yaml': { linkTo: '../../../../../../../../etc/hostname' } });
      await expect(readAll(open())).rejects.toMatchObject({
        code: 'OutsideTree',
        message: expect.stringContaining('b.yaml'),
      });
      await world.put({ 'b.yaml': { linkTo: '/etc/hostname' } });
      await expect(readAll(open())).rejects.toMatchObject({ code: 'OutsideTree' });
      await world.put({ 'b.yaml': null, out: { linkTo: '/etc' } });
      await expect(readAll(open())).rejects.toMatchObject({ code: 'OutsideTree' });
      expect(await names(open({ ignore: ['out/**', 'out'] }))).toEqual(['a.yaml']);
    });

    test('a link within the tree is followed, to a file and to a folder, under its own name', async () => {
      await world.put({
        'a.yaml': 'a',
        'sub/b.yaml': 'b',
        'sub/deep/c.yaml': 'c',
        'sub/up.yaml': { linkTo: '../a.yaml' },
        'again.yaml': { linkTo: 'sub/up.yaml' },
        'other/sub': { linkTo: '../sub/deep' },
      });
      expect(texts(await readAll(open()))).toEqual({
        'a.yaml': 'a',
        'again.yaml': 'a',
        'other/sub/c.yaml': 'c',
        'sub/b.yaml': 'b',
        'sub/deep/c.yaml': 'c',
        'sub/up.yaml': 'a',
      });
    });

    test('links that lead round in a circle end', async () => {
      await world.put({
        'a.yaml': 'a',
        'sub/self': { linkTo: '.' },
        'sub/top': { linkTo: '..' },
        'sub/b.yaml': 'b',
      });
      expect(await names(open())).toEqual(['a.yaml', 'sub/b.yaml']);
      await world.put({ 'c.yaml': { linkTo: 'd.yaml' }, 'd.yaml': { linkTo: 'c.yaml' } });
      await expect(readAll(open())).rejects.toMatchObject({ code: 'PathMissing' });
    });

    test('a link that leads nowhere is refused where it is selected', async () => {
      await world.put({ 'a.yaml': 'a', nowhere: { linkTo: 'gone' } });
      expect(await names(open())).toEqual(['a.yaml']);
      await world.put({ 'b.yaml': { linkTo: 'gone.yaml' } });
      await expect(readAll(open())).rejects.toMatchObject({
        code: 'PathMissing',
        message: expect.stringContaining('b.yaml'),
      });
    });

    test('what is asked for after the end of its time is not begun', async () => {
      await world.put({ 'a.yaml': '1' });
      const source = open();
      const found = await source.look(signal);
      const ended = AbortSignal.abort(new DOMException('late', 'TimeoutError'));
      await expect(source.look(ended)).rejects.toMatchObject({ name: 'SourceError', code: 'Timeout' });
      await expect(source.read(found, ended)).rejects.toMatchObject({
        name: 'SourceError',
        code: 'Timeout',
      });
      expect(await names(source)).toEqual(['a.yaml']);
    });

    test('it can be read after it was broken off at any moment', async () => {
      const files = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`${at}.yaml`, `${at}`]));
      await world.put(files);
      const source = open();
      const found = await source.look(signal);
      for (const wait of [0, 2, 5, 10, 20, 40]) {
        const read = source.read(found, AbortSignal.timeout(wait));
        await read.then(
          (manifests) => expect(texts(manifests)).toEqual(files),
          (error: unknown) => expect(error).toMatchObject({ code: 'Timeout' }),
        );
      }
      expect(texts(await readAll(source))).toEqual(files);
    });
  });
}
