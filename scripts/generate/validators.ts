/** Validators compiled by ajv ahead of time: plain functions, no eval and no ajv at run time. */
import { Ajv } from 'ajv';
import standalone from 'ajv/dist/standalone/index.js';
import { transformSync } from 'esbuild';
import { isObject, type KindSchema, type Schema } from './schemas.ts';

const header = '// Written by `make generate` from schemas/. Do not edit.\n';
const silent = new Set(['description', 'default', 'format']);

/** Only what ajv checks: the rest would be carried along in the code. */
function bare(node: unknown, isSchema = true): unknown {
  if (Array.isArray(node)) return node.map((item) => bare(item));
  if (!isObject(node)) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => !isSchema || !(silent.has(key) || key.startsWith('x-')))
      .map(([key, value]) => [key, bare(value, !(isSchema && (key === 'properties' || key === '$defs')))]),
  );
}

export function generateValidators(
  files: Map<string, Schema>,
  kinds: KindSchema[],
): [path: string, text: string][] {
  const ajv = new Ajv({
    allErrors: true,
    strict: false,
    messages: false,
    logger: false,
    inlineRefs: false, // a fragment is one function, not one copy for each use
    unicode: false, // lengths in UTF-16 units, without ajv's run time
    code: { source: true, esm: true },
  });
  for (const [name, file] of files) ajv.addSchema(bare(file) as Schema, name); // a file is an object
  const names = Object.fromEntries(kinds.map(({ info }) => [info.kind, `${info.kind.toLowerCase()}.yaml`]));
  const code = standalone.default(ajv, names);
  if (code.includes('require(')) throw new Error('the validators need a part of ajv at run time');
  const byKind = `export const validators = { ${Object.keys(names).join(', ')} };`;
  const { code: small } = transformSync(`${code.replaceAll(/^export const/gm, 'const')}\n${byKind}`, {
    minify: true,
    charset: 'utf8',
    format: 'esm',
  });
  const types = [
    "import type { Kind } from '../objects.ts';\n",
    'export interface SchemaError {\n  instancePath: string;\n  schemaPath: string;\n  keyword: string;\n  params: Record<string, unknown>;\n}',
    'export interface Validator {\n  (value: unknown): boolean;\n  errors: SchemaError[] | null;\n}',
    'export const validators: Record<Kind, Validator>;',
  ];
  return [
    ['src/api/gen/validators.gen.js', `${header}${small}`],
    ['src/api/gen/validators.gen.d.ts', `${header}${types.join('\n')}\n`],
  ];
}
