import { gitUrlFault } from '../../api/checks/kind-checks.ts';
import { SourceError } from '../source.ts';

export interface Remote {
  url: string;
  scheme: 'https' | 'ssh' | 'file';
  /** Without a port; empty for a file. */
  host: string;
  /** Only for ssh, if the URL has one. */
  port?: string | undefined;
  /** `https://host:port`; empty for other protocols. */
  origin: string;
}

/** Accepts only URLs that are valid in a Sync, even though the URL was checked when the Sync was written. */
export function remoteOf(url: string): Remote {
  const fault = gitUrlFault(url);
  if (fault !== undefined) throw new SourceError('Failed', `spec.source.git.url ${fault}`);
  const [, scheme, authority = ''] = /^([a-z]+):\/\/([^/]*)/.exec(url) ?? [];
  const host = authority.replace(/^.*@/, '').replace(/:\d+$/, '');
  if (scheme === 'https') return { url, scheme, host, origin: `https://${authority}` };
  if (scheme === 'file') return { url, scheme, host: '', origin: '' };
  if (scheme === 'ssh') return { url, scheme, host, port: /:(\d+)$/.exec(authority)?.[1], origin: '' };
  return { url, scheme: 'ssh', host: url.replace(/:.*$/s, '').replace(/^.*@/, ''), origin: '' };
}

/** Returns the command that prints the keys of a host in the format of known_hosts. */
export const keyscan = ({ host, port }: Remote): string =>
  `ssh-keyscan ${port === undefined ? '' : `-p ${port} `}${host.replace(/^\[|\]$/g, '')}`;
