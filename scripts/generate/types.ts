/**
 * TypeScript types of all kinds, as the API server returns them: a field with a default is always there, and so is
 * what `x-agentctl-always` marks. For what a client may leave out there is `New<T>` in src/api/objects.ts.
 */
import type { KindInfo, Schema } from './schemas.ts';

const header = '// Written by `make generate` from schemas/. Do not edit.\n';
const quote = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const entries = (value: unknown): [string, Schema][] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : [];

function refName(ref: string): string {
  if (ref.startsWith('policy.yaml')) return 'PolicySpec';
  return ref.slice(ref.lastIndexOf('/') + 1);
}

function typeOf(schema: Schema, indent: string): string {
  if (typeof schema.$ref === 'string') return refName(schema.$ref);
  if (Array.isArray(schema.enum)) return schema.enum.map((word) => quote(String(word))).join(' | ');
  switch (schema.type) {
    case 'string':
      return 'string';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'array': {
      const item = typeOf(schema.items as Schema, indent); // lint: every array has items
      return /[|{]/.test(item) ? `Array<${item}>` : `${item}[]`;
    }
    case 'object':
      if (schema.properties !== undefined) return objectOf(schema, indent);
      if (schema.additionalProperties !== undefined)
        return `Record<string, ${typeOf(schema.additionalProperties as Schema, indent)}>`; // lint: a map's values have a schema
      return 'Record<string, unknown>';
    default:
      throw new Error(`no type for ${JSON.stringify(schema)}`);
  }
}

function objectOf(schema: Schema, indent: string): string {
  const required = new Set(list(schema.required));
  const inner = `${indent}  `;
  const lines = entries(schema.properties).map(([name, property]) => {
    const always =
      required.has(name) ||
      property['x-agentctl-always'] === true ||
      (property.default !== undefined && property['x-agentctl-no-default'] !== true);
    const doc = typeof property.description === 'string' ? `${inner}/** ${property.description} */\n` : '';
    return `${doc}${inner}${name}${always ? '' : '?'}: ${typeOf(property, inner)};\n`;
  });
  return `{\n${lines.join('')}${indent}}`;
}

const declare = (name: string, schema: Schema): string => {
  const doc = typeof schema.description === 'string' ? `/** ${schema.description} */\n` : '';
  const type = typeOf(schema, '');
  return type.startsWith('{')
    ? `${doc}export interface ${name} ${type}\n`
    : `${doc}export type ${name} = ${type};\n`;
};

/** `common` is `$defs` of common.yaml, `kinds` the files as they stand, with their $refs. */
export function generateTypes(
  common: Record<string, Schema>,
  kinds: { info: KindInfo; schema: Schema }[],
): string {
  const out = [header];
  for (const [name, schema] of Object.entries(common)) out.push(declare(name, schema));
  for (const { info, schema } of kinds) {
    const properties = { ...(schema.properties as Record<string, Schema>) }; // lint: every kind is an object
    for (const part of ['spec', 'status']) {
      const whole = properties[part];
      if (whole === undefined) continue;
      const name = `${info.kind}${part === 'spec' ? 'Spec' : 'Status'}`;
      out.push(declare(name, whole));
      properties[part] = {
        $ref: `#/${name}`,
        description: whole.description,
        ...(whole.default === undefined ? {} : { default: {} }),
      };
    }
    out.push(declare(info.kind, { ...schema, properties }));
  }
  out.push(
    `/** Every kind by its name. */\nexport interface Kinds {\n${kinds.map(({ info }) => `  ${info.kind}: ${info.kind};\n`).join('')}}\n`,
  );
  return out.join('\n');
}
