/**
 * Rules for a published schema: structural as Kubernetes means it (no $ref, no types under oneOf), lists with their
 * type, and for every field of a spec that people write: what a change does, and what the field means.
 */
import { isObject, type KindInfo, type Schema } from './schemas.ts';

const keywords = new Set([
  ...[
    'type',
    'description',
    'format',
    'properties',
    'additionalProperties',
    'items',
    'required',
    'enum',
    'default',
  ],
  ...['pattern', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'oneOf'],
  ...['x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-map-type'],
  ...['x-kubernetes-preserve-unknown-fields'],
  ...['x-agentctl-update', 'x-agentctl-expected', 'x-agentctl-always', 'x-agentctl-amount'],
]);
const types = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean']);
const updates = new Set(['live', 'restart', 'firstStart']);
const userKinds = new Set(['Agent', 'Policy', 'Runtime']);

/** Breaches, each as `path: what is wrong`. */
export function lintKind(info: KindInfo, schema: Schema): string[] {
  const rules = { update: userKinds.has(info.kind) };
  return lint(schema, info.kind, undefined, rules);
}

interface Rules {
  /** Whether the fields of the spec need an x-agentctl-update. */
  update: boolean;
}

function lint(schema: Schema, path: string, inherited: unknown, rules: Rules): string[] {
  const found: string[] = [];
  const breach = (what: string): void => {
    found.push(`${path}: ${what}`);
  };
  for (const key of Object.keys(schema)) if (!keywords.has(key)) breach(`the keyword ${key} is not allowed`);
  if (!types.has(String(schema.type)))
    breach(`the type ${JSON.stringify(schema.type)} is none of ${[...types].join(', ')}`);
  if (schema.pattern !== undefined) {
    if (schema['x-agentctl-expected'] === undefined)
      breach('a pattern needs x-agentctl-expected, to say it in words');
    if (!isPattern(schema.pattern)) breach('the pattern is no regular expression');
  }
  const update = schema['x-agentctl-update'] ?? inherited;
  if (update !== undefined && !updates.has(String(update)))
    breach(`x-agentctl-update is ${JSON.stringify(update)}`);
  found.push(...lintOneOf(schema, path), ...lintList(schema, path));

  const inMetadata = path.includes('.metadata');
  const inSpec = path.includes('.spec');
  if (schema.description === undefined && !inMetadata && !path.endsWith('[]') && !path.endsWith('.*'))
    breach('has no description');
  const children = childrenOf(schema, path);
  if (children.length === 0 && inSpec && rules.update && update === undefined)
    breach('has no x-agentctl-update, of its own or from above');
  const required = Array.isArray(schema.required) ? schema.required : [];
  for (const name of required) {
    if (!isObject(schema.properties) || !(name in schema.properties))
      breach(`requires ${name}, which is no property`);
  }
  return [...found, ...children.flatMap(([child, childPath]) => lint(child, childPath, update, rules))];
}

function childrenOf(schema: Schema, path: string): [Schema, string][] {
  const properties = Object.entries(isObject(schema.properties) ? schema.properties : {}).map(
    ([name, child]): [unknown, string] => [child, `${path}.${name}`],
  );
  const all: [unknown, string][] = [
    ...properties,
    [schema.items, `${path}[]`],
    [schema.additionalProperties, `${path}.*`],
  ];
  return all.filter((entry): entry is [Schema, string] => isObject(entry[0]));
}

function lintOneOf(schema: Schema, path: string): string[] {
  if (schema.oneOf === undefined) return [];
  if (!Array.isArray(schema.oneOf)) return [`${path}: oneOf is no list`];
  return schema.oneOf.flatMap((branch, at) => {
    const names: unknown = isObject(branch) ? branch.required : undefined;
    if (!isObject(branch) || Object.keys(branch).length !== 1 || !Array.isArray(names))
      return [`${path}: oneOf[${at}] may hold "required" and nothing else`];
    return names
      .filter((name) => !isObject(schema.properties) || !(String(name) in schema.properties))
      .map((name) => `${path}: oneOf[${at}] requires ${name}, which is no property`);
  });
}

function lintList(schema: Schema, path: string): string[] {
  if (schema.type !== 'array') return [];
  if (!isObject(schema.items)) return [`${path}: a list needs items`];
  const items = schema.items;
  const type = schema['x-kubernetes-list-type'];
  switch (type) {
    case 'atomic':
      return [];
    case 'set':
      return [
        ...(items.type === 'object' || items.type === 'array'
          ? [`${path}: a set holds single values only`]
          : []),
        // What is applied to a set joins what is in it, and nobody owns what was filled in.
        ...(Array.isArray(schema.default) && schema.default.length > 0
          ? [`${path}: a set with a default keeps it beside what is applied later; make it atomic`]
          : []),
      ];
    case 'map':
      return lintMapKeys(schema, items, path);
    default:
      return [`${path}: x-kubernetes-list-type is ${JSON.stringify(type)}, not atomic, set or map`];
  }
}

function lintMapKeys(schema: Schema, items: Schema, path: string): string[] {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (!Array.isArray(keys) || keys.length === 0)
    return [`${path}: a map list needs x-kubernetes-list-map-keys`];
  const required = Array.isArray(items.required) ? items.required : [];
  return keys.flatMap((key) => {
    const property = isObject(items.properties) ? items.properties[key] : undefined;
    if (!isObject(property)) return [`${path}: the map key ${key} is no property of its items`];
    if (!required.includes(key) && property.default === undefined)
      return [`${path}: the map key ${key} is neither required nor has it a default`];
    return ['object', 'array'].includes(String(property.type))
      ? [`${path}: the map key ${key} is no single value`]
      : [];
  });
}

function isPattern(pattern: unknown): boolean {
  try {
    new RegExp(String(pattern), 'u');
    return true;
  } catch {
    return false;
  }
}
