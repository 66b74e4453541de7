/** What every Parser does: the one in a thread, and the one in place. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseManifests } from '../../src/api/manifest.ts';
import type { Parser } from '../../src/sources/parsing/parser.ts';
import { SourceError } from '../../src/sources/source.ts';

const options = { owner: 'test' };
const file = (name: string, text: string) => ({ name, bytes: Buffer.from(text) });

const agent = `apiVersion: agentctl.dev/v1
kind: Agent
metadata:
  name: web
spec:
  template: { command: [run] }
`;
const map = `apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data:
  greeting: hello
`;

export function parserContract(name: string, parser: Parser): void {
  describe(name, () => {
    afterAll(() => parser.close());

    test('answers the documents of each file, with their lines and objects', async () => {
      const { read } = await parser.parse(
        [file('a.yaml', `${agent}---\n${map}`), file('b.yaml', map)],
        options,
      );
      expect(
        read.map(({ documents }) => documents.map(({ kind, name, line }) => `${kind}/${name}:${line}`)),
      ).toEqual([['Agent/web:1', 'ConfigMap/settings:8'], ['ConfigMap/settings:1']]);
      expect(JSON.parse(read[1]?.documents[0]?.json ?? '')).toMatchObject({ data: { greeting: 'hello' } });
      expect(read.map(({ lineEnds }) => lineEnds)).toEqual([12, 5]);
    });

    test('tells errors as parseManifests does', async () => {
      const wrong = [file('a.yaml', agent.replace('template', 'tamplate')), file('b.yaml', 'kind: [')];
      const { read } = await parser.parse(wrong, options);
      expect(read.flatMap(({ errors }) => errors)).toEqual(parseManifests(wrong).errors);
    });

    test('tells a thousand errors of a file, and counts the rest', async () => {
      const text = `${map}---\n`.repeat(1200); // all but the first stand there twice
      const [read] = (await parser.parse([file('a.yaml', text)], options)).read;
      expect(read?.errors).toHaveLength(1000);
      expect(read?.moreErrors).toBe(199);
    });

    test('takes a file of comments alone for none, and tells of one without a word', async () => {
      const { read } = await parser.parse([file('a.yaml', '# later\n---\n'), file('b.yaml', '\n')], options);
      expect(read.map(({ documents, errors }) => [documents.length, errors[0]?.message])).toEqual([
        [0, undefined],
        [0, 'is empty'],
      ]);
    });

    test('locates fields', async () => {
      const fields = [
        { document: 1, path: ['data', 'greeting'] },
        { document: 0, path: ['metadata', 'name'] },
        { document: 7, path: [] },
      ];
      const { places } = await parser.locate(file('a.yaml', `${agent}---\n${map}`), fields, options);
      expect(places).toEqual([
        { line: 12, column: 13 },
        { line: 4, column: 9 },
        { line: 1, column: 1 },
      ]);
    });

    test('lets a sealed kustomization pass, and refuses one that is not', async () => {
      const root = mkdtempSync(join(tmpdir(), 'agentctl-parser-test-'));
      try {
        mkdirSync(join(root, 'good'));
        mkdirSync(join(root, 'bad'));
        writeFileSync(join(root, 'good/kustomization.yaml'), 'namePrefix: a-\n');
        writeFileSync(join(root, 'bad/kustomization.yaml'), 'resources: [../../..]\n');
        await expect(parser.seal(root, 'good', options)).resolves.toBeUndefined();
        const refused = parser.seal(root, 'bad', options);
        await expect(refused).rejects.toBeInstanceOf(SourceError);
        await expect(refused).rejects.toMatchObject({
          code: 'OutsideTree',
          message: expect.stringContaining('bad/kustomization.yaml: resources: "../../.."'),
        });
      } finally {
        rmSync(root, { recursive: true });
      }
    });

    test('answers the value of a document as JSON, or where its first fault is', async () => {
      expect(await parser.value('a: { b: [1, yes] }\n', options)).toEqual({ json: '{"a":{"b":[1,"yes"]}}' });
      expect(await parser.value('a: 1\nb: [', options)).toEqual({ faultAt: expect.any(Number) });
    });
  });
}
