import { describe, expect, test } from 'vitest';
import { checkSync, gitUrlFault } from '../../src/api/checks/kind-checks.ts';

describe('the URL of a repository', () => {
  test.each([
    'https://example.com/org/repository.git',
    'https://example.com:8443/r',
    'https://[::1]:8443/r',
    'https://example.com/a%20b.git',
    'ssh://git@example.com/r.git',
    'ssh://git@example.com:2222/~user/r.git',
    'ssh://git@[fe80::1]:22/r',
    'git@example.com:org/r.git',
    'example.com:r.git',
    'git@example.com:/absolute/r.git',
    'file:///srv/git/r.git',
  ])('%s is taken', (url) => {
    expect(gitUrlFault(url)).toBeUndefined();
  });

  test.each([
    // Transports that run programs, or that anybody on the way can change.
    'ext::sh -c touch% /tmp/x',
    'ext::sh',
    'fd::17',
    'file::/srv/r',
    'https::x',
    'EXT::sh',
    'git@ext::sh',
    'ext://host/r',
    'http://example.com/r.git',
    'HTTP://example.com/r',
    'HTTPS://example.com/r',
    'git://example.com/r',
    'ftp://example.com/r',
    'javascript://example.com/r',
    // What git or ssh could take for an option.
    '--upload-pack=touch',
    '-u',
    'ssh://-oProxyCommand=x/r',
    'ssh://-oProxyCommand=x@host/r',
    'ssh://git@-oProxyCommand=x/r',
    'ssh://%2doProxyCommand=x/r',
    'ssh://git@%2doProxyCommand=x/r',
    'ssh://%2do@host/r',
    '-oProxyCommand=x:r',
    'git@-oProxyCommand=x:r',
    '-l@host:r',
    'host:-r',
    'git@host:--upload-pack=x',
    'https://example.com/-r',
    // Credentials.
    'https://user:password@example.com/r',
    'https://token@example.com/r',
    'https://@example.com/r',
    'ssh://git:password@example.com/r',
    // Control characters, as they are and escaped.
    'https://example.com/r\n',
    'https://example.com/\u0000r',
    'ssh://git@example.com/r\r',
    'git@example.com:r\u0085',
    'ssh://git@example.com/r%0aHost',
    'ssh://git@example.com/r%00',
    'https://example.com/%0d%0a',
    'file:///srv/r%7F',
    'ssh://git@example.com/r%',
    'ssh://git@example.com/r%zz',
    // Hosts that are none.
    'https:///r',
    'https://host\\@other/r',
    'https://host\\other/r',
    'https://example.com:port/r',
    'https://a:1:2/r',
    'ssh://host$(id)/r',
    'ssh://[::1/r',
    'ssh://[git@host:22]/r',
    '[::1]:r',
    "git@ho'st:r",
    'git@example.com:',
    // No repository.
    'https://example.com',
    'https://example.com/',
    'https://example.com?r',
    'file://host/r',
    'file://',
    'file:///',
    '/srv/r',
    './r',
    '',
  ])('%j is refused', (url) => {
    expect(gitUrlFault(url)).toEqual(expect.any(String));
  });

  test('what is refused tells what is expected, and repeats no password', () => {
    expect(gitUrlFault('http://example.com/r')).toContain('expected https://host/path');
    for (const url of ['https://me:hunter2@example.com/r', 'ssh://me:hunter2@example.com/r'])
      expect(gitUrlFault(url)).not.toContain('hunter2');
  });
});

describe('a Git source', () => {
  const errors = (git: Record<string, string | string[]>): string[] =>
    checkSync({ spec: { source: { git: { url: 'https://example.com/r', ...git } } } }).map((error) =>
      JSON.stringify(error),
    );

  test.each(['main', 'feature/x', 'v1.0.0', 'grüße', 'a@b', 'x-y_z', '+a'])('takes the branch %s', (name) => {
    expect(errors({ branch: name })).toEqual([]);
    expect(errors({ tag: name })).toEqual([]);
  });

  test.each([
    '-main',
    '--upload-pack=x',
    'a..b',
    'a b',
    'a:b',
    'a^',
    'a~1',
    'a*',
    'a?',
    'a[b',
    'a\\b',
    'a@{1}',
    '@',
    '/a',
    'a/',
    'a//b',
    '.a',
    'a/.b',
    'a.',
    'a.lock',
    'a.lock/b',
    'a\nb',
    'a\u0000',
  ])('refuses the branch and the tag %j', (name) => {
    expect(errors({ branch: name })).toHaveLength(1);
    expect(errors({ tag: name })).toHaveLength(1);
  });

  test.each(['/etc', '..', '../a', 'a/../b', 'a/..', 'a\u0000b'])('refuses the path %j', (path) => {
    expect(errors({ path })).toHaveLength(1);
  });

  test.each(['/etc/*.yaml', '../*.yaml', 'a/../*.yaml'])('refuses the glob %j', (glob) => {
    expect(errors({ include: [glob] })).toHaveLength(1);
    expect(errors({ ignore: [glob] })).toHaveLength(1);
  });

  test('takes at most one of branch, tag and commit', () => {
    expect(errors({ branch: 'a', tag: 'b' })).toHaveLength(1);
    expect(errors({ branch: 'a', tag: 'b', commit: 'c' })).toHaveLength(2);
  });
});
