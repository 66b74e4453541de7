import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readPage, root } from './page.ts';

const page = 'docs/extending.md';

/** The code of each section: a file of test/extending that is compiled and tested, as if it were in src. */
const sections = [
  { heading: '## A driver', file: 'toy-driver.ts', folder: 'drivers' },
  { heading: '## A protocol', file: 'toy-protocol.ts', folder: 'protocols' },
];

test('the code of the page is the code that is tested', async () => {
  let text = readPage(page);
  for (const { heading, file, folder } of sections) {
    const code = readFileSync(join(root, 'test/extending', file), 'utf8')
      .replaceAll(`'../../src/${folder}/`, "'./")
      .replaceAll("'../../src/", "'../");
    const [before, after = ''] = text.split(`\n${heading}\n`);
    text = `${before}\n${heading}\n${after.replace(/```ts\n[\s\S]*?```\n/, () => `\`\`\`ts\n${code}\`\`\`\n`)}`;
  }
  await expect(text).toMatchFileSnapshot(join(root, page));
});

test.each(sections)('the code of $file has under 100 lines', ({ file }) => {
  const lines = readFileSync(join(root, 'test/extending', file), 'utf8').split('\n');
  expect(lines.length).toBeLessThan(100);
});
