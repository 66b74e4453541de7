import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { formatManifestError, parseManifests } from '../../src/api/manifest.ts';
import { mergePatch } from '../../src/api/merge.ts';
import { anchorsOf, blocksOf, linksOf, pages, proseOf, readPage, root, stepsOf } from './page.ts';

/** These are linked from the manual, and link to it. */
const others = [
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'schemas/README.md',
  'schemas/jsonl/README.md',
  'src/README.md',
];

test('the README is short', () => {
  expect(readPage('README.md').split('\n').length).toBeLessThanOrEqual(151);
});

test.each(pages.filter((page) => page !== 'README.md'))('the README links to %s', (page) => {
  expect(linksOf(readPage('README.md')).map((link) => link.split('#')[0])).toContain(page);
});

describe.each([...pages, ...others])('%s', (page) => {
  const text = readPage(page);

  test('its links lead to files and headings that exist', () => {
    expect(linksOf(text).flatMap((link) => faultOf(page, link))).toEqual([]);
  });

  test('its title is the only heading of the first level', () => {
    expect(proseOf(text).match(/^# /gm)).toHaveLength(1);
  });
});

function faultOf(page: string, link: string): string[] {
  if (/^https?:/.test(link)) return [];
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(root, target))) return [`${link}: there is no ${target}`];
  if (anchor === undefined || statSync(join(root, target)).isDirectory()) return [];
  return anchorsOf(readPage(target)).includes(anchor) ? [] : [`${link}: ${target} has no such heading`];
}

describe.each(pages)('the blocks of %s', (page) => {
  const text = readPage(page);
  const blocks = blocksOf(text);

  test('are of a language that the tests know', () => {
    const known = ['sh', 'console', 'yaml', 'text', 'ts'];
    expect(blocks.filter(({ language }) => !known.includes(language)).map(({ line }) => line)).toEqual([]);
    for (const block of blocks) if (block.language === 'console') expect(stepsOf(block)).not.toEqual([]);
  });

  test('have comments that the tests understand', () => {
    const comments = [...text.matchAll(/^<!-- (?!run$|Written by).*/gm)];
    expect(blocks.filter(({ directive }) => directive !== undefined)).toHaveLength(comments.length);
  });

  test.each(blocks.filter(({ language }) => language === 'yaml'))(
    'line $line: the manifest is valid',
    ({ lines }) => {
      const bytes = Buffer.from(stringify(completed(parse(lines.join('\n')))));
      const { documents, errors } = parseManifests([{ name: page, bytes }]);
      expect(errors.map(formatManifestError)).toEqual([]);
      expect(documents).toHaveLength(1);
    },
  );

  test('name commands and flags that there are', () => {
    const code = blocks.filter(({ language }) => language === 'sh' || language === 'console');
    const commands = [
      ...code.flatMap(({ lines }) => lines),
      ...[
        ...proseOf(text)
          .replaceAll(/\s+/g, ' ')
          .matchAll(/`(agentctl [^`]+)`/g),
      ].map(([, one = '']) => one),
    ];
    expect(commands.flatMap(unknownIn)).toEqual([]);
  });
});

/** What a part of a manifest leaves out. */
const rest: Readonly<Record<string, object>> = {
  Agent: { metadata: { name: 'a' }, spec: { template: { command: ['true'] } } },
  Policy: { metadata: { name: 'p' } },
  Sync: { metadata: { name: 's' } },
};

function completed(document: { apiVersion?: string; kind: string }): unknown {
  if (document.apiVersion !== undefined) return document;
  return mergePatch({ apiVersion: 'agentctl.dev/v1', ...rest[document.kind] }, document);
}

const help = readFileSync(join(root, 'test/golden/cli/help.txt'), 'utf8');

/** Commands and flags of a line that are in no help page. */
function unknownIn(line: string): string[] {
  const [command = ''] = line.split(/ #| -- /);
  return [...command.matchAll(/(?<![\w/.-])agentctl ((?:--\S+ )*)([a-z-]+)([^|;&]*)/g)].flatMap(
    ([, , verb = '', args = '']) => {
      if (['help', 'and'].includes(verb) || verb.startsWith('-')) return [];
      const page = help.split(`$ agentctl ${verb} --help\n`)[1];
      if (page === undefined) return [`agentctl ${verb}`];
      const sections = help.split('\n$ agentctl ').filter((section) => section.startsWith(`${verb} `));
      const known = [...sections, help.slice(0, help.indexOf('\n$ agentctl '))].join('\n');
      return [...args.matchAll(/(?<= )--[a-z-]+/g)]
        .map(([flag]) => flag)
        .filter((flag) => !new RegExp(`${flag}\\b`).test(known))
        .map((flag) => `agentctl ${verb} ${flag}`);
    },
  );
}
