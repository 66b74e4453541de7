import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestEngine } from './engine.ts';

/** What tests run: busybox and nothing else, so that no registry is asked. */
export const testImage = 'agentctl-test:latest';

const busybox = '/bin/busybox';
const agents = join(import.meta.dirname, '../agents');

/** The scripted agents in /agents, and this Node to run them; named by what is in it, but for its tag, which Podman sets itself. */
export const agentsImage = `agentctl-test-agents-${hashOf([
  process.version,
  process.arch,
  ...readdirSync(agents).map((name) => readFileSync(join(agents, name), 'utf8')),
])}:latest`;

/** The same, with a STOPSIGNAL of SIGQUIT, and a command of its own that handles no signal. */
export const stopSignalImage = 'agentctl-test-stopsignal:latest';

/** Builds the image in the engine, once. */
export const buildTestImage = (engine: TestEngine): Promise<void> => build(engine, testImage, () => {});

/** As above. It is of 130 MB. */
export const buildAgentsImage = (engine: TestEngine): Promise<void> => build(engine, agentsImage, addAgents);

export async function buildStopSignalImage(engine: TestEngine): Promise<void> {
  await buildTestImage(engine);
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-image-'));
  try {
    writeFileSync(
      join(folder, 'Dockerfile'),
      `FROM ${testImage}\nSTOPSIGNAL SIGQUIT\nENTRYPOINT ["sleep"]\nCMD ["600"]\n`,
    );
    const tar = execFileSync('tar', ['-c', '-C', folder, 'Dockerfile']);
    const { status, text } = await engine.call('POST', `/build?t=${stopSignalImage}`, tar);
    if (status !== 200 || text.includes('"error"'))
      throw new Error(`the test image ${stopSignalImage} cannot be made: ${status} ${text}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function build(engine: TestEngine, image: string, add: (root: string) => void): Promise<void> {
  const there = await engine.call('GET', `/images/${image}/json`);
  if (there.status === 200) return;
  if (!existsSync(busybox)) throw new Error(`${busybox} is missing: apt-get install busybox-static`);
  const tar = rootFileSystem(add);
  const [repository, tag] = image.split(':');
  const query = new URLSearchParams({ fromSrc: '-', repo: repository ?? '', tag: tag ?? '' });
  query.append('changes', 'ENV PATH=/bin');
  query.append('changes', 'WORKDIR /work');
  const answer = await engine.call('POST', `/images/create?${query}`, tar);
  if (answer.status !== 200 || answer.text.includes('"error"'))
    throw new Error(`the test image ${image} cannot be made: ${answer.status} ${answer.text}`);
}

function rootFileSystem(add: (root: string) => void): Buffer {
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
    add(root);
    return execFileSync('tar', ['-c', '--owner=0', '--group=0', '-C', root, '.'], {
      maxBuffer: 512 * 1024 * 1024,
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Node is linked dynamically: the libraries that it names go where it looks for them. */
function addAgents(root: string): void {
  const libraries = execFileSync('ldd', [process.execPath], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const library of libraries) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
  copyFileSync(process.execPath, join(root, 'bin/node'));
  mkdirSync(join(root, 'agents'));
  for (const name of readdirSync(agents)) copyFileSync(join(agents, name), join(root, 'agents', name));
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
}
