import type { Command } from 'commander';
import type { JsonSchema } from '../../api/json.ts';
import type { KindInfo } from '../../api/kinds.ts';
import { nearest } from '../../api/text.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { UsageError } from '../failure.ts';
import { examples } from '../flags.ts';
import { kindFor } from '../targets.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description('Show the fields of a kind, their types and descriptions. This needs no controller.')
    .argument('<kind[.field...]>', 'such as agents, agent.spec.template, policy.spec.restart')
    .option('--recursive', 'show all nested fields, without descriptions')
    .action((path: string, { recursive }: GlobalOptions & { recursive?: boolean }) =>
      cli.out(explainText(path, recursive === true)),
    );
  examples(
    command,
    ['A kind', 'agentctl explain agents'],
    ['A field', 'agentctl explain agents.spec.template'],
    ['All fields', 'agentctl explain policies --recursive'],
  );
}

const width = 80;

/** Returns the output of `agentctl explain agents.spec.template`, like kubectl's. */
export function explainText(path: string, recursive: boolean): string {
  const [word = '', ...steps] = path
    .replace(/\[[^\]]*\]/g, '')
    .split('.')
    .filter((step) => step !== '');
  const info = kindFor(word);
  const field = walk(info, steps);
  const head = [
    ...(info.group === '' ? [] : [`GROUP:      ${info.group}`]),
    `KIND:       ${info.kind}`,
    `VERSION:    ${info.version}`,
  ].join('\n');
  const last = steps.at(-1);
  const title = last === undefined ? '' : `\nFIELD: ${last} ${typeText(field)}\n`;
  const facts = factsOf(field, info, steps);
  const description = [field.description ?? '', ...facts]
    .filter((text) => text !== '')
    .map((text) => wrap(text, 4));
  const inside = fieldsOf(field);
  const fields =
    Object.keys(inside).length === 0
      ? ''
      : `\nFIELDS:\n${recursive ? tree(field, 2) : fieldList(field, inside)}`;
  return `${head}\n${title}\nDESCRIPTION:\n${description.join('\n')}\n${fields}`;
}

function walk(info: KindInfo, steps: readonly string[]): JsonSchema {
  let schema = info.schema;
  let at = info.plural;
  for (const step of steps) {
    const inside = fieldsOf(schema);
    const child = Object.hasOwn(inside, step) ? inside[step] : undefined;
    if (child === undefined) {
      const meant = nearest(step, Object.keys(inside));
      const hint =
        meant === undefined ? `. See 'agentctl explain ${at}'.` : `; did you mean ${JSON.stringify(meant)}?`;
      throw new UsageError(`${at} has no field ${JSON.stringify(step)}${hint}`);
    }
    schema = child;
    at = `${at}.${step}`;
  }
  return schema;
}

/** Returns the fields of an object, of a list's items, or of a map's values. */
function fieldsOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  if (schema.properties !== undefined) return schema.properties;
  const inner = schema.items ?? schema.additionalProperties;
  return inner === undefined ? {} : fieldsOf(inner);
}

function typeText(schema: JsonSchema): string {
  return `<${typeName(schema)}>`;
}

function typeName(schema: JsonSchema): string {
  if (schema.type === 'array') return `[]${typeName(schema.items ?? {})}`;
  if (schema.additionalProperties !== undefined) return `map[string]${typeName(schema.additionalProperties)}`;
  return schema.type === undefined || schema.type === 'object' ? 'Object' : schema.type;
}

const updates = {
  restart: 'A change replaces running instances.',
  firstStart: 'A change affects only first starts.',
  live: '',
};

function factsOf(schema: JsonSchema, info: KindInfo, steps: readonly string[]): string[] {
  const update =
    info.kind === 'Agent' && steps[0] === 'spec' && steps.length > 1 ? updateOf(info, steps) : 'live';
  return [valuesText(schema), defaultText(schema), updates[update]];
}

/** Returns the allowed values of the field, or of each entry of a list. */
function valuesText({ enum: values, items }: JsonSchema): string {
  if (items?.enum !== undefined) return `Each one of: ${items.enum.join(', ')}.`;
  return values === undefined || values.length === 1 ? '' : `One of: ${values.join(', ')}.`;
}

/** The default of an object is shown with its fields. */
function defaultText({ default: value }: JsonSchema): string {
  const isShown = Array.isArray(value) ? value.length > 0 : value !== undefined && typeof value !== 'object';
  return isShown ? `Default: ${JSON.stringify(value)}.` : '';
}

function updateOf(info: KindInfo, steps: readonly string[]): keyof typeof updates {
  let found: keyof typeof updates = 'live';
  for (let length = 1; length <= steps.length; length++) {
    found = walk(info, steps.slice(0, length))['x-agentctl-update'] ?? found;
  }
  return found;
}

const isRequired = (schema: JsonSchema, name: string): boolean => {
  const owner = schema.properties === undefined ? (schema.items ?? schema.additionalProperties) : schema;
  return owner?.required?.includes(name) === true;
};

const names = (inside: Readonly<Record<string, JsonSchema>>): [string, JsonSchema][] =>
  Object.entries(inside).sort(([a], [b]) => (a < b ? -1 : 1));

function fieldList(schema: JsonSchema, inside: Readonly<Record<string, JsonSchema>>): string {
  return names(inside)
    .map(([name, child]) => {
      const required = isRequired(schema, name) ? ' -required-' : '';
      const text = [child.description ?? '', valuesText(child), defaultText(child)]
        .filter((part) => part !== '')
        .join(' ');
      return `  ${name}\t${typeText(child)}${required}\n${text === '' ? '' : `${wrap(text, 4)}\n`}`;
    })
    .join('\n');
}

function tree(schema: JsonSchema, indent: number): string {
  return names(fieldsOf(schema))
    .map(([name, child]) => {
      const required = isRequired(schema, name) ? ' -required-' : '';
      return `${' '.repeat(indent)}${name}\t${typeText(child)}${required}\n${tree(child, indent + 2)}`;
    })
    .join('');
}

function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => `${' '.repeat(indent)}${each}`).join('\n');
}
