import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestEngine } from './engine.ts';

/** What tests run: busybox and nothing else, so that no registry is asked. */
export const testImage = 'agentctl-test:latest';

const busybox = '/bin/busybox';

/** Builds the image in the engine, once. */
export async function buildTestImage(engine: TestEngine): Promise<void> {
  const there = await engine.call('GET', `/images/${testImage}/json`);
  if (there.status === 200) return;
  if (!existsSync(busybox)) throw new Error(`${busybox} is missing: apt-get install busybox-static`);
  const tar = rootFileSystem();
  const [repository, tag] = testImage.split(':');
  const query = new URLSearchParams({ fromSrc: '-', repo: repository ?? '', tag: tag ?? '' });
  query.append('changes', 'ENV PATH=/bin');
  query.append('changes', 'WORKDIR /work');
  const answer = await engine.call('POST', `/images/create?${query}`, tar);
  if (answer.status !== 200 || answer.text.includes('"error"'))
    throw new Error(`the test image cannot be made: ${answer.status} ${answer.text}`);
}

function rootFileSystem(): Buffer {
  const root = mkdtempSync(join(tmpdir(), 'agentctl-image-'));
  try {
    for (const folder of ['bin', 'etc', 'proc', 'sys', 'dev']) mkdirSync(join(root, folder));
    for (const folder of ['tmp', 'work']) {
      mkdirSync(join(root, folder));
      chmodSync(join(root, folder), 0o1777);
    }
    chmodSync(root, 0o755);
    copyFileSync(busybox, join(root, 'bin/busybox'));
    const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n');
    for (const applet of applets) {
      if (applet !== '' && applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
    }
    return execFileSync('tar', ['-c', '--owner=0', '--group=0', '-C', root, '.'], {
      maxBuffer: 64 * 1024 * 1024,
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
