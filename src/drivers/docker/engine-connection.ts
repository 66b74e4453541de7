import { spawn } from 'node:child_process';
import { Agent, type AgentOptions } from 'node:http';
import { connect as connectSocket, isIP } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { DriverError } from '../driver.ts';

export interface Tls {
  ca: Buffer | string;
  cert: Buffer | string;
  key: Buffer | string;
}

/** How to reach an engine. */
export interface Connection {
  /** Whether its socket is on this host, so that its paths and processes are also ours. */
  local: boolean;
  /** Host name at which ports that are published on all addresses can be reached. */
  host: string;
  /** Keeps connections alive and limits their number. */
  pool: Agent;
  /** Opens one connection for each request, without a limit: logs and events hold one each. */
  single: Agent;
}

/** Engines serve requests in parallel, but each costs threads. More than these gain nothing. */
const maxSockets = 32;

/**
 * Connects to unix:///path, tcp://host:port (with TLS if keys are given) or ssh://user@host:port. We use our own http
 * agents because docker-modem's neither use the system's ssh, with its keys and known hosts, nor pool TLS connections.
 */
export function connect(endpoint: string, tls?: Tls): Connection {
  const url = URL.parse(endpoint);
  const host = url?.hostname.replace(/^\[|\]$/g, '') ?? '';
  switch (url?.protocol) {
    case 'unix:': {
      const path = decodeURIComponent(url.pathname);
      return { local: true, host: '127.0.0.1', ...agents(maxSockets, () => connectSocket({ path })) };
    }
    case 'tcp:': {
      const place = { host, port: Number(url.port || (tls === undefined ? 2375 : 2376)), noDelay: true };
      const servername = isIP(host) === 0 ? host : '';
      const open = (): Duplex =>
        tls === undefined ? connectSocket(place) : connectTls({ ...place, servername, ...tls });
      return { local: false, host, ...agents(maxSockets, open) };
    }
    case 'ssh:':
      // sshd refuses more than ten unauthenticated connections at once (MaxStartups).
      return { local: false, host, ...agents(8, () => dialBySsh(url)) };
    default:
      throw new DriverError(
        'Terminal',
        'InvalidSpec',
        `endpoint "${endpoint}" is invalid; use unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host`,
      );
  }
}

function agents(most: number, createConnection: () => Duplex): { pool: Agent; single: Agent } {
  const agent = (options: AgentOptions): Agent => Object.assign(new Agent(options), { createConnection });
  return { pool: agent({ keepAlive: true, maxSockets: most }), single: agent({ keepAlive: false }) };
}

/** Like the docker command: runs the system's ssh, with the user's configuration, keys and known hosts. */
function dialBySsh(url: URL): Duplex {
  const target = url.username === '' ? url.hostname : `${decodeURIComponent(url.username)}@${url.hostname}`;
  const port = url.port === '' ? [] : ['-p', url.port];
  const options = ['-o', 'BatchMode=yes', '-o', 'ServerAliveInterval=15', ...port];
  const child = spawn('ssh', [...options, '--', target, 'docker', 'system', 'dial-stdio']);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-500);
  });
  const socket = Duplex.from({ writable: child.stdin, readable: child.stdout });
  child.on('error', (error) => socket.destroy(error));
  child.on('close', (code) => {
    if (code !== 0) socket.destroy(new Error(`ssh ${target} ended with ${code}: ${said.trim()}`));
  });
  socket.on('close', () => child.kill());
  // http.Agent calls these methods on a socket.
  return Object.assign(socket, {
    setKeepAlive: () => socket,
    setNoDelay: () => socket,
    setTimeout: () => socket,
    ref: () => socket,
    unref: () => socket,
  });
}
