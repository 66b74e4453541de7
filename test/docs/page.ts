/** The pages of the manual, and the code blocks in them that the tests read and run. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

/** The README and each page in docs/. */
export const pages: readonly string[] = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
];

export const readPage = (page: string): string => readFileSync(join(root, page), 'utf8');

/**
 * A fenced block. An HTML comment on the line before it, which readers do not see, tells the tests what to do with it:
 *
 *     <!-- not run: it needs a Git host -->     the block is not run, for the reason given
 *     <!-- needs: kubectl -->                   the block runs only where this program is installed
 *     <!-- until: Ready -->                     the command runs until it prints this, then it gets Ctrl-C
 *     <!-- save as: web.yaml -->                a manifest that the commands after it use
 *
 * A comment of several lines that begins with `<!-- run` holds commands that prepare what follows.
 */
export interface Block {
  /** The line of the page, from 1, with the opening fence. */
  line: number;
  language: string;
  directive: Directive | undefined;
  lines: string[];
}

type Directive = { name: 'not run' | 'needs' | 'until' | 'save as'; value: string };

const directivePattern = /^<!-- (not run|needs|until|save as): (.+) -->$/;
const isDirectiveName = (name: string | undefined): name is Directive['name'] =>
  name === 'not run' || name === 'needs' || name === 'until' || name === 'save as';

export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  const all = text.split('\n');
  for (const [at, line] of all.entries()) {
    if (open !== undefined) {
      if (line === '```' || line === '-->') open = void blocks.push(open);
      else open.lines.push(line);
    } else if (line.startsWith('```')) {
      const [, name, value = ''] = directivePattern.exec(all[at - 1] ?? '') ?? [];
      const directive = isDirectiveName(name) ? { name, value } : undefined;
      open = { line: at + 1, language: line.slice(3), directive, lines: [] };
    } else if (line === '<!-- run') {
      open = { line: at + 1, language: 'sh', directive: undefined, lines: [] };
    }
  }
  if (open !== undefined) throw new Error(`the block in line ${open.line} has no end`);
  return blocks;
}

/** One command of a `console` block with the output that the page shows. */
export interface Step {
  command: string;
  output: string[];
}

export function stepsOf(block: Block): Step[] {
  const steps: Step[] = [];
  let continued = false;
  for (const line of block.lines) {
    const last = steps.at(-1);
    if (continued && last !== undefined) last.command += `\n${line}`;
    else if (line.startsWith('$ ')) steps.push({ command: line.slice(2), output: [] });
    else if (last === undefined) throw new Error(`line ${block.line}: a console block begins with "$ "`);
    else last.output.push(line);
    continued = (continued || line.startsWith('$ ')) && line.endsWith('\\');
  }
  return steps.map(({ command, output }) => ({ command, output: withoutBlankEnd(output) }));
}

export function withoutBlankEnd(lines: readonly string[]): string[] {
  const end = lines.findLastIndex((line) => line.trim() !== '');
  return lines.slice(0, end + 1);
}

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');

/** What a page says outside of its code blocks. */
export function proseOf(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '');
}

/** The anchors of a page: of its headings, in order, each once. */
export function anchorsOf(text: string): string[] {
  const seen = new Map<string, number>();
  return [...proseOf(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => {
    const anchor = anchorOf(heading);
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    return times === 0 ? anchor : `${anchor}-${times}`;
  });
}

/** The targets of the links of a page, as written. */
export const linksOf = (text: string): string[] =>
  [...proseOf(text).matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => target);
