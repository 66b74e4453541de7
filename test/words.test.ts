import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAst } from 'vitest/node';
import { applyOrder } from '../src/api/kinds.ts';

const src = join(import.meta.dirname, '../src');
const packages = readdirSync(src, { withFileTypes: true }).filter((entry) => entry.isDirectory());

/**
 * All that is written in a package for people to read, in order and once: reasons of conditions and Events, messages,
 * errors and help. A change of words is seen in the golden file of its package, a move of code within it is not.
 */
test.each(packages.map(({ name }) => name))('the words of src/%s are these', async (name) => {
  const files = globSync('**/*.ts', { cwd: join(src, name) }).filter((file) => !/\.(gen|d)\.ts$/.test(file));
  const words = new Set(files.flatMap((file) => wordsOf(readFileSync(join(src, name, file), 'utf8'))));
  const page = [...words].sort().map((each) => `${each}\n`);
  await expect(page.join('')).toMatchFileSnapshot(join(import.meta.dirname, `golden/words/${name}.txt`));
});

/** Each reason and each sentence of a source, once, in order. */
function wordsOf(source: string): string[] {
  const words = new Set<string>();
  visit(parseAst(source, { lang: 'ts' }), (node, above) => {
    const raw = source.slice(node.start, node.end);
    const text = node.type === 'TemplateLiteral' ? raw.slice(1, -1) : node.value;
    if (typeof text !== 'string') return;
    if (isReason(text) ? isTold(node, above) : isSentence(text)) words.add(text.replaceAll('\n', '\\n'));
  });
  return [...words];
}

const kinds: ReadonlySet<string> = new Set(applyOrder);
const isReason = (text: string): boolean => /^[A-Z]+[a-z][A-Za-z]*$/.test(text) && !kinds.has(text);

/** Two words besides what is filled in; SQL is not for people. */
const isSentence = (text: string): boolean =>
  /[A-Za-z]['"),.:;]* +['"(]?[A-Za-z]/.test(text.replace(/\$\{[^}]*\}/g, 'x')) &&
  /[a-z]{2}.* .*|.* .*[a-z]{2}/.test(text.replace(/\$\{[^}]*\}/g, '')) &&
  !/^\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|PRAGMA|WITH) /.test(text);

/** Not one that is compared with, but one that is given to a function or is a reason. */
const isTold = (node: Node, above: Node): boolean =>
  (isCall(above) && above.arguments.length > 1 && above.arguments.includes(node)) ||
  (isProperty(above) && /^(reason|cause|type)$/.test(String(above.key.name)));

interface Node {
  type: string;
  start: number;
  end: number;
  value?: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value;
const isCall = (node: Node): node is Node & { arguments: Node[] } => 'arguments' in node;
const isProperty = (node: Node): node is Node & { key: { name?: unknown } } => node.type === 'Property';
const typesAndImports = /^(TS(Type|Union|Literal|Interface|Indexed).*|ImportDeclaration)$/;

/** In the order of the source. */
function visit(node: Node, see: (node: Node, above: Node) => void, above = node): void {
  if (typesAndImports.test(node.type)) return;
  see(node, above);
  const below = Object.values(node).flat().filter(isNode);
  for (const child of below.sort((a, b) => a.start - b.start)) visit(child, see, node);
}
