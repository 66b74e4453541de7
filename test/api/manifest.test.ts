import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { Parser } from 'yaml';
import { formatManifestError, parseManifests } from '../../src/api/manifest.ts';
import { growthOf } from '../growth.ts';

const encoder = new TextEncoder();
const parse = (text: string | Uint8Array, name = 'a.yaml'): ReturnType<typeof parseManifests> =>
  parseManifests([{ name, bytes: typeof text === 'string' ? encoder.encode(text) : text }]);
const told = (text: string | Uint8Array): string[] => parse(text).errors.map(formatManifestError);

const configMap = (name: string, more = ''): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n${more}`;

describe('documents', () => {
  test('are split at ---, and those without content are passed over', () => {
    const { documents, errors } = parse(
      `%YAML 1.2\n---\n# nothing here\n---\n${configMap('a')}...\n---\n${configMap('b')}--- # the last\n${configMap('c')}---\n`,
    );
    expect(errors).toEqual([]);
    expect(documents.map(({ name, line }) => [name, line])).toEqual([
      ['a', 5],
      ['b', 10],
      ['c', 14],
    ]);
  });

  test('of JSON may stand one after the other, and hold what JSON may', () => {
    const text = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"\\ud83d\\ude00 \\/ }{ \\" \\u0041"}}\n\n\t{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}`;
    const { documents, errors } = parse(text);
    expect(errors).toEqual([]);
    expect(documents.map(({ object }) => object.data)).toEqual([
      { k: '😀 /  }{ " A'.replace('  ', ' ') },
      undefined,
    ]);
  });

  test('of a List are its items', () => {
    const { documents, errors } = parse(
      `apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n  - {apiVersion: v1, kind: Secret, metadata: {name: a}}\n`,
    );
    expect(errors).toEqual([]);
    expect(documents.map(({ info, name, line }) => [info.kind, name, line])).toEqual([
      ['ConfigMap', 'a', 4],
      ['Secret', 'a', 5],
    ]);
  });

  test('keep what was written, without defaults', () => {
    const { documents } = parse(
      'apiVersion: agentctl.dev/v1\nkind: Policy\nmetadata: {name: p, namespace: n}\nspec: {mode: OnDemand}\n',
    );
    expect(documents[0]).toMatchObject({ source: 'a.yaml', line: 1, name: 'p', namespace: 'n' });
    expect(documents[0]?.object.spec).toEqual({ mode: 'OnDemand' });
  });

  test('tell where a field stands, for errors that the server finds', () => {
    const { documents } = parse(`${configMap('a')}---\n${configMap('b', 'data:\n  key: value\n')}`);
    expect(documents[1]?.locate(['data', 'key'])).toEqual({ line: 9, column: 8 });
    expect(documents[1]?.locate(['data', 'none'])).toEqual({ line: 8, column: 1 });
  });

  test('may start with a byte order mark, and have Windows line ends', () => {
    const text = `\ufeff${configMap('a')}---\n${configMap('b')}`.replaceAll('\n', '\r\n');
    expect(parse(text)).toMatchObject({ errors: [], documents: [{ name: 'a' }, { name: 'b' }] });
  });

  test('may use anchors, aliases and merge keys', () => {
    const { documents, errors } = parse(
      configMap('a', 'data: &d { x: "1", y: "2" }\n').replace(
        'metadata: {',
        'metadata: { labels: &l {app: web},',
      ) +
        '---\napiVersion: v1\nkind: ConfigMap\nmetadata: &m { name: &n b, labels: { <<: {a: "1", b: "2"}, b: "3" }, annotations: { name: *n } }\n',
    );
    expect(errors).toEqual([]);
    expect(documents[1]?.object.metadata).toEqual({
      name: 'b',
      labels: { a: '1', b: '3' },
      annotations: { name: 'b' },
    });
  });

  test('take a number as a key for its text', () => {
    expect(parse(configMap('a', 'data: { 8080: web, 007: bond }')).documents[0]?.object.data).toEqual({
      '8080': 'web',
      '007': 'bond',
    });
  });
});

describe('what is no manifest is told in a sentence', () => {
  const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
  test.each<[string, string | Uint8Array, string]>([
    ['an empty file', '', 'a.yaml:1:1: is empty'],
    ['nothing but comments', '# a\n---\n\n', 'a.yaml:1:1: is empty'],
    ['a NUL byte', 'a: 1\nb: \0', 'a.yaml:2:4: found a NUL byte: this is not a text file'],
    [
      'bytes that are no UTF-8',
      bytes(0x61, 0x3a, 0x0a, 0x20, 0xc3, 0x28),
      'a.yaml:2:2: found the byte 0xc3, which is not UTF-8: save the file as UTF-8',
    ],
    [
      'a character that is cut off',
      bytes(0x61, 0xe2, 0x82),
      'a.yaml:1:2: found the byte 0xe2, which is not UTF-8: save the file as UTF-8',
    ],
    ['UTF-16', bytes(0xff, 0xfe, 0x61, 0), 'a.yaml:1:1: is in UTF-16: save it as UTF-8'],
    ['a tab', 'a:\n\tb: 1\n', 'a.yaml:2:1: found a tab as indentation, expected spaces'],
    ['a key that stands twice', configMap('a', 'data:\n  k: 1\n  k: 2\n'), 'a.yaml:6:3: duplicate key "k"'],
    ['a key that stands twice in JSON', '{"kind": "a",\n "kind": "b"}', 'a.yaml:2:2: duplicate key "kind"'],
    [
      'a tag',
      'a: !!python/object x',
      'a.yaml:1:4: unresolved tag: tag:yaml.org,2002:python/object; remove it: tags are not supported',
    ],
    ['an alias without an anchor', 'a: *b', 'a.yaml:1:4: there is no anchor &b before this alias'],
    ['an alias inside itself', 'a: &a { b: *a }', 'a.yaml:1:12: the alias *a refers to itself'],
    ['a key that is a list', '? [a]\n: b', 'a.yaml:1:3: found a key that is not a string'],
    ['brackets without end', '['.repeat(50_000), 'is nested more than 100 levels deep'],
    ['brackets 300 deep', `a: ${'['.repeat(300)}${']'.repeat(300)}`, 'is nested more than 100 levels deep'],
    [
      'a document over 1 MiB',
      `a: ${'x'.repeat(1024 * 1024)}`,
      'a.yaml:1:1: the document is larger than 1 MiB',
    ],
    [
      'a single word',
      'hello',
      'a.yaml:1:1: found a single value, expected an object with apiVersion and kind',
    ],
  ])('%s', (_, text, message) => {
    const errors = told(text);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(message);
  });

  test.each([
    [
      'by lists of lists',
      `a0: &a0 [x, x, x, x, x, x, x, x, x]\n${Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]\n`).join('')}`,
    ],
    ['by one long text', `a: &a ${'x'.repeat(100_000)}\nb: [${Array(500).fill('*a').join(', ')}]\n`],
    [
      'by merge keys',
      `a0: &a0 {x: 1, y: 1}\n${Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} { <<: [*a${n}, *a${n}], k${n}: 1 }\n`).join('')}`,
    ],
  ])('a YAML bomb %s', (_, text) => {
    expect(told(text)).toEqual([expect.stringContaining('its aliases expand to more than')]);
  });

  test.each(['007', '0xFF', '0o644', '1.10', '12e4567', '1234567890123456789', '+1', 'True', '.inf'])(
    'the value %s of a string, as it stands in the file',
    (text) => {
      const [error] = told(configMap('a', `data: { a: ${text} }`));
      expect(error).toContain(`the ${text === 'True' ? 'boolean' : 'number'} ${text}, expected`);
      expect(error).toContain(`put it in quotes, "${text}"`);
    },
  );

  test('the octal number of YAML as that of a mode, and one argument as a list', () => {
    const text =
      'apiVersion: agentctl.dev/v1\nkind: Agent\nmetadata: {name: a}\nspec: {template: {command: [x], args: 010, files: [{path: k, content: x, mode: 0o644}]}}\n';
    const [args, mode] = told(text);
    expect(args).toContain('found the number 010, expected a list: ["010"]');
    expect(mode).toContain('found the number 0o644, expected a string: put it in quotes, "0644"');
  });

  test('such a value that an alias or a merge key brings', () => {
    const text =
      'metadata:\n  name: a\n  labels: &labels {b: &b 1.10}\n  annotations: {<<: *labels, c: *b}\n';
    const found = told(`apiVersion: v1\nkind: ConfigMap\n${text}`);
    expect(found.map((error) => /metadata.*$/.exec(error)?.[0])).toEqual(
      ['labels.b', 'annotations.b', 'annotations.c'].map(
        (field) => `metadata.${field}: found the number 1.10, expected a string: put it in quotes, "1.10"`,
      ),
    );
  });

  test('no part of such a value of a Secret', () => {
    const [error] = told('apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {pin: 0007}\n');
    expect(error).toContain('stringData.pin: found a number, expected a string: put it in quotes');
    expect(error).not.toContain('7');
  });

  test('a Message, which is sent and not written', () => {
    const message = 'apiVersion: subresources.agentctl.dev/v1\nkind: Message\nmetadata: { name: m }\n';
    expect(told(message)).toEqual([
      expect.stringContaining('kind: found "Message", expected one of Namespace,'),
    ]);
  });

  test('two documents that name one object, in two files', () => {
    const sources = ['a', 'b'].map((name) => ({
      name: `${name}.yaml`,
      bytes: encoder.encode(`\n${configMap('x')}`),
    }));
    expect(parseManifests(sources).errors.map(formatManifestError)).toEqual([
      'b.yaml:4:19: ConfigMap/x: metadata.name: is defined twice, first in a.yaml:2; rename or remove one of the two',
    ]);
  });

  test('the namespace tells two objects of one name apart, also the one that is meant where none stands', () => {
    const named = `${configMap('x').replace('name: x', 'name: x, namespace: other')}`;
    expect(told(`${configMap('x')}---\n${named}`)).toEqual([]);
    const bytes = encoder.encode(`${configMap('x')}---\n${named}`);
    expect(parseManifests([{ name: 'a', bytes }], { namespace: 'other' }).errors).toHaveLength(1);
  });

  test.each([
    ['brackets', '['.repeat(1_000_000)],
    ['lists in lists', '- '.repeat(500_000)],
    ['keys of keys', '? '.repeat(500_000)],
    ['faults', '}\n'.repeat(500_000)],
  ])('%s without number end the reading at the first fault', (_, text) => {
    const tokens = vi.spyOn(Parser.prototype, 'next');
    expect(told(text)).toHaveLength(1);
    expect(tokens.mock.calls.length).toBeLessThan(1_000);
  });

  test('a List that names one object four thousand times, at the cost of each', async () => {
    const item = '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}';
    const read = (count: number): void =>
      expect(told(`{"kind":"List","items":[${Array(count).fill(item).join(',')}]}`)).toHaveLength(count - 1);
    expect(await growthOf(read, [500, 4_000])).toBeLessThan(1.5);
  });

  test('of a thousand errors in one document the first hundred are told', () => {
    const errors = told(
      configMap('a', `data:\n${Array.from({ length: 1000 }, (_, n) => `  k${n}: ${n}\n`).join('')}`),
    );
    expect(errors).toHaveLength(101);
    expect(errors.at(-1)).toContain('and 900 more errors in this document');
  });
});

test.each(['broken.yaml', 'broken.json'])('every error of %s is told at its place', async (name) => {
  const { documents, errors } = parse(readFileSync(`test/golden/manifest/${name}`), name);
  const text = [...errors.map(formatManifestError), `${documents.length} right, ${errors.length} wrong`];
  await expect(`${text.join('\n')}\n`).toMatchFileSnapshot(`../golden/manifest/${name}.txt`);
});

describe('any bytes', () => {
  const check = (bytes: Uint8Array): void => {
    const { documents, errors } = parse(bytes);
    expect(documents.length + errors.length).toBeGreaterThan(0);
    for (const error of errors) {
      expect(error.line).toBeGreaterThan(0);
      expect(error.column).toBeGreaterThan(0);
      expect(formatManifestError(error)).not.toContain('\n');
    }
  };

  test('give documents or errors, and no throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 500 });
  });

  test('that look like YAML too', () => {
    const piece = fc.constantFrom(
      ...[
        'apiVersion: ',
        'agentctl.dev/v1',
        'kind: Agent',
        'metadata:',
        'spec:',
        'name: a',
        'items:',
        '\n',
        '\n  ',
        '\n    ',
      ],
      ...[
        '- ',
        ': ',
        '? ',
        '{',
        '}',
        '[',
        ']',
        ',',
        '&a ',
        '*a',
        '<<: ',
        '!!str ',
        '|',
        '>',
        '---\n',
        '...\n',
        '#',
        '"',
        "'",
      ],
      ...['\t', '\r', '%YAML 1.1\n', '~', '1', 'true', '\\', '\u0000', '\ufeff', '😀', 'kind: List'],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => check(encoder.encode(pieces.join('')))),
      { numRuns: 2000 },
    );
  });
});
