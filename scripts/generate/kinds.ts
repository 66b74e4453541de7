/** The facts of each kind, and its schema as JSON text: text costs nothing at start and is parsed when first asked for. */
import type { KindSchema } from './schemas.ts';

const header = '// Written by `make generate` from schemas/. Do not edit.\n';

export function generateKinds(kinds: KindSchema[]): [path: string, text: string][] {
  const facts = kinds.map(({ info }) => ({
    group: info.group,
    version: info.version,
    kind: info.kind,
    plural: info.plural,
    singular: info.kind.toLowerCase(),
    shortNames: info.shortNames,
    verbs: info.verbs ?? null,
    namespaced: info.scope === 'Namespaced',
    hasStatus: info.subresources?.status !== undefined,
    scale: info.subresources?.scale ?? null,
    columns: info.columns.map((column) => ({ priority: 0, ...column })),
  }));
  const texts = kinds.map(
    ({ info, schema }) => `  ${info.kind}: ${JSON.stringify(JSON.stringify(schema))},\n`,
  );
  return [
    [
      'src/api/gen/kinds.gen.ts',
      `${header}export const facts = ${JSON.stringify(facts, null, 2)} as const;\n`,
    ],
    ['src/api/gen/schemas.gen.ts', `${header}export const schemaTexts = {\n${texts.join('')}};\n`],
  ];
}
