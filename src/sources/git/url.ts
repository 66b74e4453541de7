import { gitUrlFault } from '../../api/git-url.ts';
import { SourceError } from '../source.ts';

export interface Remote {
  url: string;
  scheme: 'https' | 'ssh' | 'file';
  /** Without a port, empty for a file. */
  host: string;
  /** Of ssh, where the URL has one. */
  port?: string | undefined;
  /** `https://host:port`, empty for others. */
  origin: string;
}

/** Takes no URL but those that a Sync may hold, though it has been checked when the Sync was written. */
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

/** The command that prints the keys of a host as known_hosts needs them. */
export const keyscan = ({ host, port }: Remote): string =>
  `ssh-keyscan ${port === undefined ? '' : `-p ${port} `}${host.replace(/^\[|\]$/g, '')}`;
