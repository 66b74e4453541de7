import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatManifestError, parseManifests } from '../../src/api/manifest.ts';

const files = globSync('manifests/**/*.{yaml,yml,json}').sort();

describe('manifests that are handed out', () => {
  test('there are some', () => {
    expect(files.length).toBeGreaterThanOrEqual(10);
  });

  test.each(files)('%s is valid', (name) => {
    const { documents, errors } = parseManifests([{ name, bytes: readFileSync(name) }]);
    expect(errors.map(formatManifestError)).toEqual([]);
    expect(documents).not.toEqual([]);
  });

  test.each(['manifests/quickstart', 'manifests/quickstart-docker', 'manifests/examples'])(
    '%s can be applied as one set',
    (folder) => {
      const sources = files
        .filter((name) => name.startsWith(`${folder}/`))
        .map((name) => ({ name, bytes: readFileSync(name) }));
      expect(parseManifests(sources).errors.map(formatManifestError)).toEqual([]);
    },
  );

  test('the two quickstarts make the same objects', () => {
    const names = (folder: string): string[] =>
      globSync(`${folder}/*.yaml`)
        .flatMap((name) => parseManifests([{ name, bytes: readFileSync(name) }]).documents)
        .map((document) => `${document.info.kind}/${document.name}`)
        .sort();
    expect(names('manifests/quickstart-docker')).toEqual(names('manifests/quickstart'));
    expect(names('manifests/quickstart')).toEqual([
      'Agent/greeter',
      'Agent/ticker',
      'Agent/worker',
      'ConfigMap/greeter',
      'Policy/patient',
      'Secret/greeter',
    ]);
  });
});
