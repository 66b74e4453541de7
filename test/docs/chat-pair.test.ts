import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { lacks } from '../needs.ts';
import { root } from './page.ts';

interface Document {
  metadata: { name: string };
  spec: { template: { files: { content: string }[] } };
}

/** What the editor of manifests/chat-pair.yaml answers to a text of the writer. */
function edited(message: string): string {
  const text = readFileSync(join(root, 'manifests/chat-pair.yaml'), 'utf8');
  const documents = parseAllDocuments(text).map((document): Document => document.toJS());
  const program = documents.find(({ metadata }) => metadata.name === 'editor')?.spec.template.files[0]
    ?.content;
  const input = `${JSON.stringify({ type: 'route', requestId: 'r', message })}\n`;
  const lines = execFileSync('python3', ['-c', program ?? ''], { encoding: 'utf8', input })
    .trim()
    .split('\n');
  return JSON.parse(lines.at(-1) ?? '').response;
}

test.skipIf(lacks('python3')).each([
  ['the weather   is very very nice today', 'The weather is very nice today.'],
  ['What is is new?', 'What is new?'],
  ['stop stop now!', 'Stop now!'],
  ['it it ends.', 'It ends.'],
])('the editor of chat-pair ends %j with one mark', (given, answer) => {
  expect(edited(given)).toBe(answer);
});
