/**
 * The commands of the manual, as a reader runs them: each page in a home folder of its own, from top to bottom. What a
 * page shows as output is what is printed. `vitest run --project scenarios test/scenarios/docs.test.ts -u` writes the
 * new output into the pages.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Ids, renewed, shows } from '../docs/output.ts';
import { type Block, blocksOf, pages, readPage, root, stepsOf, withoutBlankEnd } from '../docs/page.ts';

const bin = process.env.AGENTCTL_TEST_BIN ?? join(root, 'dist/agentctl.mjs');
const tools = mkdtempSync(join(tmpdir(), 'agentctl-docs-bin-'));
/** The home folder of the reader, as the pages show it. */
const shownHome = '/home/ada';
const login = `user:${userInfo().username}`;

beforeAll(() => {
  writeFileSync(join(tools, 'agentctl'), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
  chmodSync(join(tools, 'agentctl'), 0o755);
});
afterAll(() => rmSync(tools, { recursive: true, force: true }));

/** A reader's home folder, with the checkout's manifests in it. */
class Reader {
  readonly home = mkdtempSync(join(tmpdir(), 'agentctl-docs-'));
  readonly #environment: NodeJS.ProcessEnv = {
    PATH: `${tools}${delimiter}${process.env.PATH}`,
    HOME: this.home,
    NO_COLOR: '1',
    TZ: 'UTC',
    CODER: `${process.execPath} ${join(root, 'test/agents/vendors.mjs')}`, // stands in for a coding agent
    DOCKER_HOST: 'unix:///nowhere', // a page that needs an engine says so
    GIT_CONFIG_GLOBAL: join(this.home, '.gitconfig'),
    GIT_CONFIG_NOSYSTEM: '1',
  };

  constructor() {
    symlinkSync(join(root, 'manifests'), join(this.home, 'manifests'));
    writeFileSync(
      join(this.home, '.gitconfig'),
      '[user]\n  name = Ada\n  email = ada@example.com\n[init]\n  defaultBranch = main\n',
    );
    mkdirSync(join(this.home, '.kube'));
  }

  /** Runs a script; returns what it prints, on either stream, in order. With `until` it is interrupted once it prints that. */
  run(script: string, until?: string): Promise<{ code: number | null; output: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn('sh', ['-e', '-c', `exec 2>&1\n${script}`], {
        cwd: this.home,
        env: this.#environment,
        stdio: ['ignore', 'pipe', 'inherit'],
        detached: until !== undefined,
      });
      const bound = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`it has not ended after two minutes:\n${script}\n${output}`));
      }, 120_000);
      let output = '';
      let interrupted = false;
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk;
        if (until === undefined || interrupted || child.pid === undefined || !output.includes(until)) return;
        interrupted = true;
        process.kill(-child.pid, 'SIGINT');
      });
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(bound);
        resolve({ code: interrupted ? 0 : code, output });
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run(
      'agentctl delete syncs,agents --all -A --timeout=90s || true; agentctl controller stop --agents || true',
    );
    rmSync(this.home, { recursive: true, force: true });
  }
}

const isInstalled = (program: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      return statSync(join(folder, program)).isFile();
    } catch {
      return false;
    }
  });

/** The page as it should be: with the output of this run wherever that differs from what the page shows. */
async function played(text: string, reader: Reader): Promise<string> {
  const lines = text.split('\n');
  const ids = new Ids();
  let moved = 0;
  for (const block of blocksOf(text)) {
    const { directive } = block;
    if (directive?.name === 'not run') continue;
    if (directive?.name === 'needs' && !isInstalled(directive.value)) {
      expect(process.env.CI, `${directive.value} is not installed`).not.toBe('true');
      continue;
    }
    if (directive?.name === 'save as')
      writeFileSync(join(reader.home, directive.value), block.lines.join('\n'));
    else if (block.language === 'sh') await runAll(block, reader, ids);
    else if (block.language === 'console') {
      const after = await replay(block, reader, ids);
      lines.splice(block.line + moved, block.lines.length, ...after);
      moved += after.length - block.lines.length;
    }
  }
  return lines.join('\n');
}

async function runAll(block: Block, reader: Reader, ids: Ids): Promise<void> {
  const script = ids.inCommand(block.lines.join('\n'));
  const until = block.directive?.name === 'until' ? block.directive.value : undefined;
  const { code, output } = await reader.run(script, until);
  expect(code, `line ${block.line}:\n${script}\n${output}`).toBe(0);
}

/** A line with the reader's name; a column that it is in stays as wide. */
const asWritten = (line: string): string =>
  line.replaceAll(`${login}  `, `${'user:ada'.padEnd(login.length)}  `).replaceAll(login, 'user:ada');

async function replay(block: Block, reader: Reader, ids: Ids): Promise<string[]> {
  const after: string[] = [];
  let same = true;
  for (const { command, output } of stepsOf(block)) {
    const ran = await reader.run(ids.inCommand(command));
    const printed = withoutBlankEnd(ran.output.replaceAll(reader.home, shownHome).split('\n'));
    const isSame = shows(output, printed, ids);
    const now = isSame ? output : renewed(output, printed).map((line) => asWritten(ids.asShown(line)));
    if (after.length > 0) after.push('');
    after.push(...`$ ${command}`.split('\n'), ...now);
    same &&= isSame;
  }
  return same ? block.lines : after;
}

/** Pages with nothing to run need no controller. */
const running = pages.filter((page) =>
  blocksOf(readPage(page)).some(
    ({ language, directive }) =>
      directive?.name !== 'not run' && (language === 'sh' || language === 'console'),
  ),
);

test.each(running)('the commands of %s do what it shows', async (page) => {
  await using reader = new Reader();
  const text = readPage(page);
  await expect(await played(text, reader)).toMatchFileSnapshot(join(root, page));
});
