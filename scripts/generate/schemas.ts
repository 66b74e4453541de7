/** Reads schemas/*.yaml and writes every $ref out in place: what is published holds none. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export type Schema = { [key: string]: unknown };
export interface KindInfo {
  group: string;
  version: string;
  kind: string;
  plural: string;
  shortNames: string[];
  scope: 'Namespaced' | 'Cluster';
  /** What may be asked of its objects, which are not in the store then. Absent: everything. */
  verbs?: string[];
  subresources?: { status?: object; scale?: Record<string, string> };
  columns: { name: string; type: string; jsonPath: string; priority?: number }[];
}
export interface KindSchema {
  info: KindInfo;
  /** As written by hand. */
  raw: Schema;
  /** With every $ref written out. */
  schema: Schema;
}

const directory = join(import.meta.dirname, '../../schemas');

export const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function readSchemas(): {
  files: Map<string, Schema>;
  common: Record<string, Schema>;
  kinds: KindSchema[];
} {
  const files = new Map<string, Schema>();
  for (const name of readdirSync(directory)
    .filter((file) => file.endsWith('.yaml'))
    .sort()) {
    files.set(name, parse(readFileSync(join(directory, name), 'utf8')));
  }

  function lookUp(ref: string, from: string): { schema: unknown; file: string } {
    const [name, pointer] = ref.split('#');
    const file = name === '' || name === undefined ? from : name;
    let node: unknown = files.get(file);
    for (const part of (pointer ?? '').split('/').filter((part) => part !== '')) {
      node = isObject(node) ? node[part] : undefined;
    }
    if (node === undefined) throw new Error(`${from}: $ref ${ref} leads nowhere`);
    return { schema: node, file };
  }

  /** Keys beside a $ref win over the fragment's own. */
  function writeOut(node: unknown, file: string): unknown {
    if (Array.isArray(node)) return node.map((item) => writeOut(item, file));
    if (!isObject(node)) return node;
    const { $ref, ...own } = node;
    const rest = Object.fromEntries(Object.entries(own).map(([key, value]) => [key, writeOut(value, file)]));
    if (typeof $ref !== 'string') return rest;
    const target = lookUp($ref, file);
    const merged = { ...(writeOut(target.schema, target.file) as Schema), ...rest }; // a fragment is an object
    if (merged['x-agentctl-no-default'] === true) {
      delete merged.default;
      delete merged['x-agentctl-no-default'];
    }
    return merged;
  }

  const kinds: KindSchema[] = [];
  for (const [name, file] of files) {
    const { 'x-agentctl-kind': info, ...raw } = file;
    if (info === undefined) continue;
    kinds.push({ info: info as KindInfo, raw, schema: writeOut(raw, name) as Schema }); // written by hand in schemas/
  }
  const common = files.get('common.yaml')?.$defs;
  if (!isObject(common)) throw new Error('schemas/common.yaml has no $defs');
  return { files, common: common as Record<string, Schema>, kinds }; // each is a schema, written by hand
}
