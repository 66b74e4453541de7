import { type Capabilities, driverCapabilities } from '../capabilities.ts';
import { type FieldError, forbidden, invalid } from '../field-error.ts';
import { field, has, type JsonObject, orEmpty, type Path, text } from '../json.ts';
import { isNetworkName } from '../names.ts';
import { listed } from '../text.ts';
import { parseDuration, tryDuration } from '../time.ts';

export function checkRuntime(runtime: JsonObject): FieldError[] {
  const spec = runtime.spec;
  const errors: FieldError[] = [];
  const endpoint = text(spec, 'endpoint');
  const driver = text(spec, 'driver');
  const [, capabilities] = drivers.find(([name]) => name === driver) ?? [];
  if (capabilities?.hostAccess === 'Direct') {
    for (const name of ['endpoint', 'tlsSecretRef']) {
      if (has(spec, name))
        errors.push(forbidden(['spec', name], `must not be set: the driver ${driver} runs on this host`));
    }
  }
  if (capabilities?.imageRequired === false && field(spec, 'default') === true)
    errors.push(
      forbidden(['spec', 'default'], `must be false: Agents with an image cannot run on driver ${driver}`),
    );
  if (has(spec, 'tlsSecretRef') && !endpoint?.startsWith('tcp://'))
    errors.push(forbidden(['spec', 'tlsSecretRef'], 'can only be used with an endpoint of tcp://'));
  const paths = field(spec, 'allowHostPaths');
  for (const [at, path] of (Array.isArray(paths) ? paths : []).entries()) {
    if (orEmpty(path).split('/').includes('..'))
      errors.push(invalid(['spec', 'allowHostPaths', at], path, 'a path without ".."'));
  }
  return [...errors, ...checkAllow(field(spec, 'allow'), capabilities)];
}

const drivers: readonly (readonly [string, Capabilities])[] = Object.entries(driverCapabilities);

/** The access to the host that a field is about. Defaults are filled in before an object is checked. */
const accessOf = {
  privileged: 'Granted',
  hostNetwork: 'Granted',
  hostIPs: 'Granted',
  capabilities: 'Granted',
  networks: 'Granted',
  volumes: 'Granted',
  users: 'Direct',
  controllerUser: 'Direct',
};

function checkAllow(allow: unknown, capabilities: Capabilities | undefined): FieldError[] {
  const others = Object.entries(accessOf).flatMap(([name, needed]) => {
    const value = field(allow, name);
    const says = Array.isArray(value)
      ? value.length > 0
      : name === 'controllerUser'
        ? has(allow, name)
        : value;
    if (!says || capabilities?.hostAccess === needed) return [];
    const users = drivers.filter(([, { hostAccess }]) => hostAccess === needed).map(([driver]) => driver);
    const why = `must not be set: only the driver ${listed(users, { separator: ' or ' })} uses it`;
    return [forbidden(['spec', 'allow', name], why)];
  });
  const networks = field(allow, 'networks');
  const modes = (Array.isArray(networks) ? networks : []).flatMap((name, at) =>
    typeof name === 'string' && !isNetworkName(name)
      ? [invalid(['spec', 'allow', 'networks', at], name, 'the name of a network, not a mode')]
      : [],
  );
  return [...others, ...modes];
}

export function checkSync(sync: JsonObject): FieldError[] {
  const { spec } = sync;
  const source = field(spec, 'source');
  const git = field(source, 'git');
  const directory = field(source, 'directory');
  return [
    ...within(spec, 'interval', '1s', '720h'),
    ...within(spec, 'timeout', '1s', '1h'),
    ...(git === undefined ? [] : checkGit(git, ['spec', 'source', 'git'])),
    ...(directory === undefined ? [] : checkDirectory(directory, ['spec', 'source', 'directory'])),
  ];
}

function within(spec: unknown, name: string, least: string, most: string): FieldError[] {
  const given = text(spec, name);
  const span = given === undefined ? undefined : tryDuration(given);
  const known = span === undefined || (span >= parseDuration(least) && span <= parseDuration(most));
  return known ? [] : [invalid(['spec', name], given, `from ${least} to ${most}`)];
}

function checkGit(git: unknown, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const url = text(git, 'url');
  const fault = url === undefined ? undefined : gitUrlFault(url);
  if (fault !== undefined) errors.push(forbidden([...path, 'url'], fault));
  const named = ['branch', 'tag', 'commit'].filter((name) => has(git, name));
  for (const name of named.slice(1))
    errors.push(forbidden([...path, name], `cannot be combined with ${named[0]}; remove one of the two`));
  for (const name of ['branch', 'tag']) {
    const reference = text(git, name);
    if (reference !== undefined && !isReference(reference))
      errors.push(invalid([...path, name], reference, `a valid Git ${name} name (git check-ref-format)`));
  }
  const folder = text(git, 'path') ?? '.';
  if (folder.startsWith('/') || leavesTree(folder))
    errors.push(
      invalid([...path, 'path'], folder, 'a relative path of a folder in the repository, without ".."'),
    );
  return [...errors, ...checkGlobs(git, path)];
}

function checkDirectory(directory: unknown, path: Path): FieldError[] {
  const folder = text(directory, 'path') ?? '';
  const errors = leavesTree(folder) ? [invalid([...path, 'path'], folder, 'a path without ".."')] : [];
  return [...errors, ...checkGlobs(directory, path)];
}

const checkGlobs = (source: unknown, path: Path): FieldError[] =>
  ['include', 'ignore'].flatMap((name) =>
    globsOf(source, name).flatMap((glob, at) => {
      const pattern = orEmpty(glob);
      const outside = pattern.startsWith('/') || leavesTree(pattern);
      return outside ? [invalid([...path, name, at], pattern, 'a relative glob pattern, without ".."')] : [];
    }),
  );

const globsOf = (source: unknown, name: string): readonly unknown[] => {
  const globs = field(source, name);
  return Array.isArray(globs) ? globs : [];
};

const leavesTree = (path: string): boolean => path.split('/').includes('..') || path.includes('\0');

/** The rules of git-check-ref-format(1) for the part after refs/heads/ or refs/tags/. */
const isReference = (name: string): boolean =>
  !/[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\/|^[-/.]|\/\.|[/.]$|\.lock(\/|$)/u.test(name) && name !== '@';

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
