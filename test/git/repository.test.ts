import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Repository } from './repository.ts';
import { cleanEnvironment, run } from './run.ts';
import { gpgSigner, sshSigner } from './signing.ts';

describe('a repository of the tests', () => {
  test('is cloned with what was pushed', async () => {
    await using repository = await Repository.with({ 'fleet/a.yaml': 'one', b: new Uint8Array([0, 1]) });
    await repository.publish({ 'fleet/a.yaml': 'two', b: null });
    const copy = join(repository.folder, 'copy');
    await run('git', ['clone', '--quiet', repository.url, copy], {
      cwd: repository.folder,
      env: cleanEnvironment(repository.folder),
    });
    expect(await readFile(join(copy, 'fleet/a.yaml'), 'utf8')).toBe('two');
    await expect(readFile(join(copy, 'b'))).rejects.toThrow('ENOENT');
  });

  test('makes the same commits of the same story', async () => {
    await using one = await Repository.with({ a: '1' });
    await using other = await Repository.with({ a: '1' });
    expect(await one.head()).toBe(await other.head());
    expect(await one.publish({ a: '2' })).toBe(await other.publish({ a: '2' }));
  });

  test('rewrites its history: the new one shares no commit with the old', async () => {
    await using repository = await Repository.with({ a: '1' });
    const old = await repository.publish({ a: '2' });
    const anew = await repository.rewriteHistory({ a: '3' });
    expect(await repository.published('main')).toBe(anew);
    await expect(repository.git(['merge-base', old, anew])).rejects.toThrow();
  });

  test('replaces and reverts its last commit', async () => {
    await using repository = await Repository.with({ a: '1' });
    await repository.publish({ a: '2' });
    const other = await repository.replaceLast({ a: '3' });
    expect(await repository.published('main')).toBe(other);
    expect(await repository.git(['rev-list', '--count', 'HEAD'])).toBe('2');
    await repository.revertLast();
    expect(await repository.git(['show', 'main:a'], repository.bare)).toBe('1');
  });

  test('moves tags, and deletes branches', async () => {
    await using repository = await Repository.with({ a: '1' });
    await repository.tag('v1');
    const second = await repository.publish({ a: '2' });
    await repository.tag('v1', { message: 'annotated' });
    expect(await repository.published('v1')).toBe(second);
    await repository.deleteBranch('main');
    await repository.deleteTag('v1');
    await expect(repository.published('main')).rejects.toThrow();
    await expect(repository.published('v1')).rejects.toThrow();
  });

  test('holds links and empty repositories too', async () => {
    await using repository = await Repository.empty({ branch: 'trunk' });
    await repository.publish({ out: { linkTo: '/etc/passwd' } });
    expect(await repository.git(['ls-tree', 'trunk'], repository.bare)).toMatch(/^120000 .*out$/);
  });

  test('is away, and comes back', async () => {
    await using repository = await Repository.with({ a: '1' });
    const { putBack } = await repository.moveAway();
    await expect(repository.push()).rejects.toThrow();
    await putBack();
    await repository.publish({ a: '2' });
  });
});

describe('a signed commit', () => {
  test('is verified by the key of its OpenPGP signer', async () => {
    await using signer = await gpgSigner();
    await using repository = await Repository.with({ a: '1' }, { signedBy: signer });
    expect(signer.publicKey).toContain('BEGIN PGP PUBLIC KEY BLOCK');
    expect(await repository.git(['log', '-1', '--format=%G?'], repository.work, signer)).toMatch(/^[GU]$/);
    await repository.publish({ a: '2' });
    expect(await repository.git(['log', '-1', '--format=%G?'])).toBe('N');
  });

  test('is verified by the line of its SSH signer', async () => {
    await using signer = await sshSigner();
    await using repository = await Repository.with({ a: '1' }, { signedBy: signer });
    await repository.tag('v1', { signedBy: signer });
    await repository.write({ signers: signer.publicKey });
    const trusted = ['-c', `gpg.ssh.allowedSignersFile=${join(repository.work, 'signers')}`];
    expect(await repository.git([...trusted, 'log', '-1', '--format=%G?'])).toBe('G');
    await repository.git([...trusted, 'verify-tag', 'v1']);
  });
});
