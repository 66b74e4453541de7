import { describe, expect, test } from 'vitest';
import { GitFailure } from '../../../src/sources/git/git-command.ts';
import { explain, remoteOf } from '../../../src/sources/git/git-faults.ts';
import { growthOf } from '../../growth.ts';

const url = 'https://git.example.com/timeout/redirect.git';
const told = (stderr: string, hidden: string[] = []) =>
  explain(new GitFailure(stderr), remoteOf(url), hidden);

describe('what git says', () => {
  test.each([
    ['Unreachable', `fatal: unable to access '${url}/': Could not resolve host: git.example.com`],
    [
      'Unreachable',
      `fatal: unable to access '${url}/': Failed to connect to git.example.com port 443: Connection refused`,
    ],
    ['Unreachable', `fatal: unable to access '${url}/': The requested URL returned error: 502`],
    [
      'Unreachable',
      'error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfatal: early EOF',
    ],
    [
      'Unreachable',
      'ssh: connect to host git.example.com port 22: Connection timed out\nfatal: Could not read from remote repository.',
    ],
    ['AuthenticationFailed', `fatal: Authentication failed for '${url}/'`],
    [
      'AuthenticationFailed',
      `fatal: could not read Username for 'https://git.example.com': terminal prompts disabled`,
    ],
    ['AuthenticationFailed', `remote: Not Found\nfatal: repository '${url}/' not found`],
    [
      'AuthenticationFailed',
      'git@git.example.com: Permission denied (publickey).\nfatal: Could not read from remote repository.',
    ],
    ['AuthenticationFailed', "fatal: detected dubious ownership in repository at '/srv/r'"],
    ['HostNotTrusted', `fatal: unable to access '${url}/': SSL certificate problem: self-signed certificate`],
    [
      'HostNotTrusted',
      `fatal: unable to access '${url}/': server certificate verification failed. CAfile: none CRLfile: none`,
    ],
    [
      'HostNotTrusted',
      'No ED25519 host key is known for git.example.com and you have requested strict checking.\nHost key verification failed.',
    ],
    [
      'SecretInvalid',
      'Load key "/run/x/identity": invalid format\ngit@git.example.com: Permission denied (publickey).',
    ],
    ['Failed', `fatal: unable to access '${url}/': The requested URL returned error: 301`],
    ['Failed', 'error: file write error: No space left on device\nfatal: unable to write sha1 file'],
    ['ProgramMissing', '/srv/state/git.sh: 1: exec: git: not found'],
    ['ProgramMissing', '/srv/state/git.sh: line 1: exec: git: not found'],
    ['TooLarge', 'fatal: Out of memory, malloc failed (tried to allocate 5000001 bytes)'],
    ['TooLarge', 'error: cannot create async thread: Resource temporarily unavailable'],
    ['TooLarge', 'fatal: fetch-pack: invalid index-pack output\n'],
    ['TooLarge', 'error: index-pack died of signal 25'],
    ['Failed', 'fatal: pack is corrupted\nfatal: fetch-pack: invalid index-pack output'],
    ['Failed', 'fatal: something that nobody has seen before'],
  ])('means %s: %s', (reason, stderr) => {
    expect(told(stderr)).toMatchObject({ name: 'SourceError', code: reason });
  });

  test('is told by its last lines, without advice, control characters and blanks', () => {
    const stderr = '\u001b[31mremote: one\u001b[0m\n\n  two  \nhint: use --force\nfatal: three\n';
    expect(told(stderr).message).toBe('git failed: [31mremote: one[0m; two; fatal: three');
    expect(told('x'.repeat(100_000)).message.length).toBeLessThan(600);
    expect(told('').message).toBe('git failed');
  });

  test('is told whole where there is nothing but what is always said', () => {
    expect(told('fatal: Could not read from remote repository.\n').message).toBe(
      'git failed: fatal: Could not read from remote repository.',
    );
    expect(told('warning: one\nhint: two').message).toBe('git failed: warning: one; hint: two');
  });

  test('holds no secret, though the host says it back', () => {
    const error = told('remote: who is hunter2?\nfatal: Authentication failed', ['hunter2']);
    expect(error.message).toContain('***');
    expect(`${error.message} ${String(error.cause)}`).not.toContain('hunter2');
  });
});

test('much that a host says is understood at the cost of its length', async () => {
  const understand = (lines: number): void => {
    const { code: reason } = told(`${'remote: No such file or directory\n'.repeat(lines)}fatal: early EOF`);
    expect(reason).toBe('Unreachable');
  };
  expect(await growthOf(understand, [3_000, 30_000])).toBeLessThan(1.5);
});
