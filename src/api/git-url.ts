/** The URLs of Git repositories that a Sync accepts (git-fetch(1), "Git URLs"). */

const schemes = ['https', 'ssh', 'file'];
const expected = 'expected https://host/path, ssh://user@host/path, user@host:path or file:///path';

/**
 * Returns what is wrong with the URL; undefined if it is valid. Refused are: transports that run programs (`ext::`) or
 * are insecure (`http://`, `git://`), credentials in the URL, and everything that git or ssh could read as an option.
 */
export function gitUrlFault(url: string): string | undefined {
  if (/[\p{Cc} ]/u.test(url)) return `contains a space or a control character, ${expected}`;
  if (url.startsWith('-')) return `begins with "-", ${expected}`;
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(url)?.[1];
  if (scheme === undefined) return shortFault(url);
  if (!schemes.includes(scheme)) return `the scheme ${scheme} is not supported, ${expected}`;
  return longFault(url, scheme);
}

function longFault(url: string, scheme: string): string | undefined {
  const [, authority = '', path = ''] = /^[a-z]+:\/\/([^/?#]*)(.*)$/.exec(url) ?? [];
  // git decodes escapes before it splits the URL.
  if (/%([01][0-9a-f]|7f)/i.test(url)) return `contains an escaped control character, ${expected}`;
  if (/%(?![0-9a-f]{2})/i.test(url)) return `contains an invalid escape "%", ${expected}`;
  if (scheme === 'file')
    return authority === '' && path.length > 1 ? undefined : 'expected file:///path, with three slashes';
  const at = authority.lastIndexOf('@');
  const user = authority.slice(0, Math.max(0, at));
  const host = authority.slice(at + 1);
  if (scheme === 'https' && at >= 0) return 'contains credentials: store them in the Secret of secretRef';
  if (user.includes(':')) return 'contains a password: store a key in the Secret of secretRef';
  if (at >= 0 && !isUser(user)) return `found the user ${JSON.stringify(user)}, ${expected}`;
  if (!/^([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$/.test(host))
    return `found the host ${JSON.stringify(host)}, ${expected}`;
  if (!/^\/[^-]/.test(path)) return `does not name a repository, ${expected}`;
  return undefined;
}

/** `user@host:path`, over ssh. `ext::sh -c ...` differs from it only by its second colon. */
function shortFault(url: string): string | undefined {
  const [, user, host = '', path = ''] = /^(?:([^@/:]*)@)?([^@/:]+):(.+)$/.exec(url) ?? [];
  if (path.startsWith(':')) return `the transport ${host} is not supported, ${expected}`;
  const known =
    (user === undefined || isUser(user)) &&
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(host) &&
    !path.startsWith('-');
  return path !== '' && known ? undefined : `found ${JSON.stringify(url)}, ${expected}`;
}

const isUser = (name: string): boolean => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name);
