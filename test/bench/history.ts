import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cleanEnvironment, run } from '../git/run.ts';

/** A bare repository whose commits are made beforehand, so that a push is no more than a branch that moves. */
export interface History extends AsyncDisposable {
  url: string;
  /** The branch main moves to the next commit, which differs from the one before in one file. */
  push(): void;
}

/** `fileOf` answers a file's content in its so manieth version. */
export async function makeHistory(options: {
  files: number;
  commits: number;
  fileOf: (file: number, version: number) => string;
}): Promise<History> {
  const { files, commits, fileOf } = options;
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-bench-git-'));
  const bare = join(folder, 'repository.git');
  const place = { cwd: folder, env: cleanEnvironment(folder) };
  await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', bare], place);
  const marks = join(folder, 'marks');
  const git = spawn('git', ['fast-import', '--quiet', `--export-marks=${marks}`], {
    ...place,
    cwd: bare,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const ended = once(git, 'exit');
  const add = (file: number, version: number): string =>
    `M 100644 inline fleet/bench-${file}.yaml\n${data(fileOf(file, version))}`;
  for (let commit = 0; commit <= commits; commit += 1) {
    const changed = Math.imul(commit, 7) % files;
    const changes =
      commit === 0 ? Array.from({ length: files }, (_, file) => add(file, 0)) : [add(changed, commit)];
    git.stdin.write(
      `commit refs/heads/history\nmark :${commit + 1}\ncommitter Author <author@example.com> ${commit} +0000\n${data('Change it')}${changes.join('')}\n`,
    );
  }
  git.stdin.end();
  const [code] = await ended;
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
  // `:mark id` a line, in no order.
  const ids = new Map(
    readFileSync(marks, 'utf8')
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  );
  let at = 0;
  const push = (): void => {
    at += 1;
    const id = ids.get(`:${at}`);
    if (id === undefined) throw new Error('all commits are pushed');
    writeFileSync(join(bare, 'refs/heads/main'), `${id}\n`);
  };
  push();
  return {
    url: pathToFileURL(bare).href,
    push,
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;
