import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Tool = 'kubectl' | 'kustomize' | 'mount' | 'dockerd' | 'python3';

const succeeds = (program: string, ...words: string[]): boolean => spawnSync(program, words).status === 0;
const isRootOnLinux = process.platform === 'linux' && process.getuid?.() === 0;

const found: Record<Tool, () => boolean> = {
  kubectl: () => succeeds('kubectl', 'version', '--client'),
  kustomize: () => succeeds('kustomize', 'version') || succeeds('kubectl', 'kustomize', '--help'),
  mount: mayMount,
  dockerd: () => isRootOnLinux,
  python3: () => succeeds('python3', '-c', 'import sys; sys.exit(sys.version_info < (3, 8))'),
};

const missing: Record<Tool, string> = {
  kubectl: 'kubectl is not installed',
  kustomize: 'neither kustomize nor kubectl is installed',
  mount: 'only root on Linux can mount a small disk, and a container needs the right to',
  dockerd: 'only root on Linux can run dockerd',
  python3: 'Python 3.8 or later is not installed',
};

/** Whether to skip the tests that need the tool. With CI=true nothing is skipped: the file fails. */
export function lacks(tool: Tool): boolean {
  if (found[tool]()) return false;
  if (process.env.CI === 'true') throw new Error(`These tests cannot run: ${missing[tool]}.`);
  console.warn(`Tests are skipped: ${missing[tool]}.`);
  return true;
}

function mayMount(): boolean {
  if (!isRootOnLinux) return false;
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return true;
  } catch {
    // A container without the right to mount.
    return false;
  } finally {
    rmdirSync(folder);
  }
}
