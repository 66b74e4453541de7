/** schemas/README.md: every field of every kind. */
import { isObject, type KindSchema, type Schema } from './schemas.ts';

const introduction = `<!-- Written by \`make generate\` from schemas/. Do not edit. -->
# Kinds and their fields

This folder has one schema for each kind, written by hand; common.yaml has the parts that they share. \`make generate\`
writes the types, the validators, the CustomResourceDefinitions (crds/) and this page.

A field in **bold** is required. The column *update* says what a change does to a running instance: \`live\` changes nothing,
\`restart\` replaces the instance as the Policy's \`update\` says, and \`firstStart\` only affects an instance that has never
started. \`metadata\` is as in Kubernetes. \`agentctl explain KIND.FIELD\` shows the same in the terminal.
`;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ').trim();
const code = (value: unknown): string =>
  value === undefined ? '' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

function typeOf(schema: Schema): string {
  if (Array.isArray(schema.enum)) return schema.enum.map(code).join(', ');
  if (schema.type === 'array' && isObject(schema.items)) return `list of ${typeOf(schema.items)}`;
  if (schema.type === 'object' && isObject(schema.additionalProperties))
    return `map of ${typeOf(schema.additionalProperties)}`;
  if (
    schema['x-agentctl-expected'] !== undefined &&
    String(schema.description ?? '').length > 0 &&
    isDuration(schema)
  )
    return 'duration';
  return schema.format === 'date-time' ? 'time' : String(schema.type);
}

const isDuration = (schema: Schema): boolean =>
  String(schema['x-agentctl-expected']).startsWith('a length of time');

function rows(schema: Schema, path: string, update: unknown, withUpdate: boolean): string[] {
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  return Object.entries(isObject(schema.properties) ? schema.properties : {}).flatMap(([name, child]) => {
    if (!isObject(child)) return [];
    const here = path === '' ? name : `${path}.${name}`;
    const own = child['x-agentctl-update'] ?? update;
    const shown = required.has(name) ? `**${here}**` : here;
    const fallback = child.type === 'object' ? '' : code(child.default);
    const cells = [
      shown,
      typeOf(child),
      fallback,
      cell(String(child.description ?? '')),
      ...(withUpdate ? [String(own)] : []),
    ];
    const row = `| ${cells.join(' | ')} |`;
    const inner = child.type === 'array' && isObject(child.items) ? child.items : child;
    return [row, ...rows(inner, child.type === 'array' ? `${here}[]` : here, own, withUpdate)];
  });
}

function table(schema: Schema, path: string, withUpdate: boolean): string {
  const update = schema['x-agentctl-update'];
  const head = ['field', 'type', 'default', 'what', ...(withUpdate ? ['update'] : [])];
  return [
    `| ${head.join(' | ')} |`,
    `|${' --- |'.repeat(head.length)}`,
    ...rows(schema, path, update, withUpdate),
  ].join('\n');
}

export function generateReference(kinds: KindSchema[]): string {
  const sections = kinds.map(({ info, schema }) => {
    const apiVersion = info.group === '' ? info.version : `${info.group}/${info.version}`;
    const words = [info.plural, ...info.shortNames].map(code).join(', ');
    const scope = info.scope === 'Namespaced' ? 'namespaced' : 'cluster-scoped';
    const only = info.verbs === undefined ? '' : ` Only ${info.verbs.join(', ')}.`;
    const {
      apiVersion: _version,
      kind: _kind,
      metadata: _metadata,
      ...properties
    } = schema.properties as Record<string, Schema>; // lint: every kind has them
    const parts = [
      `## ${info.kind}`,
      `${schema.description}`,
      `\`${apiVersion}\`, ${scope}, ${words}.${only}`,
    ];
    const { spec, status, ...others } = properties;
    if (spec !== undefined) parts.push(table(spec, 'spec', spec['x-agentctl-update'] !== undefined));
    if (Object.keys(others).length > 0) parts.push(table({ ...schema, properties: others }, '', false));
    if (status !== undefined)
      parts.push('Status, written by the controller:', table(status, 'status', false));
    return parts.join('\n\n');
  });
  return `${introduction}\n${sections.join('\n\n')}\n`;
}
