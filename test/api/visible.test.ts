import { expect, test } from 'vitest';
import { formatManifestError, parseManifests } from '../../src/api/manifest.ts';
import { visible } from '../../src/api/visible.ts';

test('what steers a terminal or turns its lines around is shown, and all else stays', () => {
  expect(visible('a\u001b[2Jb\u009bc\u202ed\u2066e\r\u0000')).toBe(
    'a\\u001b[2Jb\\u009bc\\u202ed\\u2066e\\u000d\\u0000',
  );
  expect(visible('grüße 世界 🎉 "x"\n\ty')).toBe('grüße 世界 🎉 "x"\n\ty');
});

test('an error of a manifest steers no terminal by the name of its file, nor by those of its fields', () => {
  const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n"\\e]0;title\\a": 1\n"\\u202e": 2\n';
  const { errors } = parseManifests([{ name: 'evil\u001b[31m.yaml', bytes: Buffer.from(text) }]);
  expect(errors).toHaveLength(2);
  for (const error of errors) {
    expect(formatManifestError(error)).toContain('evil\\u001b[31m.yaml:');
    expect(formatManifestError(error)).not.toMatch(/\p{Cc}|\p{Bidi_Control}/u);
  }
});
