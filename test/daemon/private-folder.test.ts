import { chmodSync, lchownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { privateFolder } from '../../src/daemon/state-guard.ts';

const root = mkdtempSync(join(tmpdir(), 'agentctl-private-'));
afterAll(() => rmSync(root, { recursive: true }));
const uid = process.getuid?.() ?? 0;

describe('the folder of secrets', () => {
  test('is made with all above it, for its owner alone', () => {
    const path = join(root, 'new', 'secrets');
    expect(privateFolder(path, uid)).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(privateFolder(path, uid)).toBe(path);
  });

  test('that others may open is refused with the remedy', () => {
    const path = join(root, 'open');
    mkdirSync(path);
    chmodSync(path, 0o755);
    expect(() => privateFolder(path, uid)).toThrow(/mode 0700.*remove it/);
  });

  test('that belongs to another user is refused', () => {
    const path = join(root, 'other');
    mkdirSync(path, { mode: 0o700 });
    expect(() => privateFolder(path, uid + 1)).toThrow("must belong to the controller's user");
  });

  test('that is within a folder that others may write to is refused with the remedy', () => {
    const path = join(root, 'shared', 'secrets');
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chmodSync(join(root, 'shared'), 0o777);
    expect(() => privateFolder(path, uid)).toThrow(/chmod go-w.*XDG_RUNTIME_DIR/);
  });

  test.skipIf(uid !== 0)('that is reached over a link of another user is refused', () => {
    mkdirSync(join(root, 'own'), { mode: 0o700 });
    symlinkSync('own', join(root, 'theirs'));
    lchownSync(join(root, 'theirs'), 54_321, 54_321);
    expect(() => privateFolder(join(root, 'theirs', 'secrets'), uid)).toThrow('belongs to user 54321');
  });

  test('that is a link to somewhere else is refused', () => {
    const path = join(root, 'link');
    mkdirSync(join(root, 'target'), { mode: 0o700 });
    symlinkSync(join(root, 'target'), path);
    expect(() => privateFolder(path, uid)).toThrow("must belong to the controller's user");
  });
});
