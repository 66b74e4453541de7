import { describe, expect, test } from 'vitest';
import { Parsed } from '../../../src/controller/syncs/parsed.ts';
import { TimeSlice } from '../../../src/platform/clock.ts';
import { inPlace, type Parser } from '../../../src/sources/parsing/parser.ts';
import { SourceError } from '../../../src/sources/source.ts';
import { policyYaml } from './estate.ts';

const file = (name: string, text: string) => ({ name, bytes: Buffer.from(text) });
const options = { now: 0, timeout: 60_000, signal: new AbortController().signal };
const hour = 3_600_000;

/** With the names of the files that the parser was given each time. */
function parsing(fields: Partial<Parser> = {}, mostDocuments = 10_000) {
  const asked: string[][] = [];
  const parser: Parser = {
    ...inPlace,
    ...fields,
    parse(files, options) {
      asked.push(files.map(({ name }) => name));
      return (fields.parse ?? inPlace.parse)(files, options);
    },
  };
  return {
    asked,
    parsed: new Parsed({ parser, owner: 'default/fleet', slice: new TimeSlice(), mostDocuments }),
  };
}

describe('of the files of the next revision', () => {
  test('only those that differ are parsed again', async () => {
    const { parsed, asked } = parsing();
    const before = await parsed.read(
      [file('a.yaml', policyYaml('a')), file('b.yaml', policyYaml('b'))],
      options,
    );
    const after = await parsed.read(
      [file('a.yaml', policyYaml('a')), file('b.yaml', policyYaml('b', 1))],
      options,
    );
    expect(after.documents[0]).toBe(before.documents[0]);
    expect(after.documents[1]?.object).toMatchObject({ spec: { priority: 1 } });
    expect(asked).toEqual([['a.yaml', 'b.yaml'], ['b.yaml']]);
  });

  test('one that is renamed is told by its new name', async () => {
    const { parsed } = parsing();
    await parsed.read([file('a.yaml', policyYaml('a'))], options);
    const { documents } = await parsed.read([file('b.yaml', policyYaml('a'))], options);
    expect(documents.map(({ source }) => source)).toEqual(['b.yaml']);
  });

  test('one that is gone, and one that is still wrong, are told as they are', async () => {
    const { parsed } = parsing();
    const wrong = file('b.yaml', 'kind: [');
    const first = await parsed.read([file('a.yaml', policyYaml('a')), wrong], options);
    const second = await parsed.read([wrong], options);
    expect(first.documents).toHaveLength(1);
    expect(second.documents).toEqual([]);
    expect(second.errors).toEqual(first.errors);
    expect(second.errors).not.toEqual([]);
  });

  test('nothing is kept of so much that it would fill the memory', async () => {
    const { parsed } = parsing();
    const comment = `# ${'x'.repeat(1_000_000)}\n`;
    const large = ['a', 'b', 'c', 'd', 'e'].map((name) => file(`${name}.yaml`, policyYaml(name) + comment));
    const before = await parsed.read(large, options);
    const after = await parsed.read(large, options);
    expect(after.documents).toHaveLength(5);
    expect(after.documents[0]).not.toBe(before.documents[0]);
  });
});

describe('a large file', () => {
  const filler = `# ${'x'.repeat(300_000)}\n`;
  const text = `${policyYaml('a')}${filler}---\n${policyYaml('b')}${filler}---\n${policyYaml('c').replace('spec', 'spek')}`;

  test('is given to the parser in pieces, and its lines are those of the whole', async () => {
    const { parsed, asked } = parsing();
    const { documents, errors } = await parsed.read([file('a.yaml', text)], options);
    expect(asked).toEqual([['a.yaml'], ['a.yaml'], ['a.yaml']]);
    expect(documents.map(({ name, line }) => `${name}:${line}`)).toEqual(['a:1', 'b:7']);
    const places = await parsed.locate(
      [file('a.yaml', text)],
      documents.map((document) => ({ document, path: ['spec', 'priority'] })),
      options,
    );
    expect(places).toEqual([
      { line: 4, column: 19 },
      { line: 10, column: 19 },
    ]);
    expect(errors).toMatchObject([{ line: 16, path: 'spek' }]);
  });

  test('with the line ends of Windows is read as any', async () => {
    const { parsed, asked } = parsing();
    const { documents } = await parsed.read([file('a.yaml', text.replaceAll('\n', '\r\n'))], options);
    expect(asked).toHaveLength(3);
    expect(documents.map(({ name, line }) => `${name}:${line}`)).toEqual(['a:1', 'b:7']);
  });
});

describe('of files without end', () => {
  const many = Array.from({ length: 4000 }, (_, at) => file(`${at}.yaml`, policyYaml(`p${at}`)));

  test('no more are read once there are too many documents', async () => {
    const { parsed, asked } = parsing({}, 700);
    expect((await parsed.read(many, options)).documents.length).toBeGreaterThan(700);
    expect(asked.flat()).toHaveLength(1000);
  });

  test('a thousand errors are told, and the rest is counted', async () => {
    const { parsed } = parsing();
    const wrong = many.map(({ name }) => file(name, 'kind: ['));
    const { errors, moreErrors } = await parsed.read(wrong, options);
    expect([errors.length, moreErrors]).toEqual([1000, 3000]);
  });

  test('all together have one time', async () => {
    const parse: Parser['parse'] = async (...args) => ({ ...(await inPlace.parse(...args)), took: 25_000 });
    const { parsed, asked } = parsing({ parse });
    await expect(parsed.read(many, options)).rejects.toMatchObject({
      code: 'Timeout',
      message:
        'the manifests could not be read within 60 s: raise spec.timeout, or split them among several Syncs',
    });
    expect(asked).toHaveLength(3);
  });
});

describe('what the parser fails on', () => {
  const failing = () =>
    parsing({
      parse: async () => {
        throw new SourceError('TooLarge', 'a.yaml takes too much memory');
      },
    });
  const files = [file('a.yaml', policyYaml('a'))];

  test('is not given to it again, and is told again', async () => {
    const { parsed, asked } = failing();
    for (const now of [0, 1, hour - 1])
      await expect(parsed.read(files, { ...options, now })).rejects.toMatchObject({ code: 'TooLarge' });
    expect(asked).toHaveLength(1);
  });

  test('is given to it again when it has changed, after an hour, and when a person asks', async () => {
    const { parsed, asked } = failing();
    const tried = async (now: number, tree = files): Promise<number> => {
      await expect(parsed.read(tree, { ...options, now })).rejects.toThrow('too much memory');
      return asked.length;
    };
    expect(await tried(0)).toBe(1);
    expect(await tried(1, [file('a.yaml', policyYaml('b'))])).toBe(2);
    expect(await tried(2, [file('a.yaml', policyYaml('b'))])).toBe(2);
    expect(await tried(1 + hour, [file('a.yaml', policyYaml('b'))])).toBe(3);
    parsed.retry();
    expect(await tried(2 + hour, [file('a.yaml', policyYaml('b'))])).toBe(4);
  });

  test('because it was called off is given to it the next time', async () => {
    const { parsed, asked } = failing();
    const signal = AbortSignal.abort();
    await expect(parsed.read(files, { ...options, signal })).rejects.toThrow();
    await expect(parsed.read(files, options)).rejects.toThrow();
    expect(asked).toHaveLength(2);
  });
});
