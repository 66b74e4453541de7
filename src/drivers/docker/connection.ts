import { spawn } from 'node:child_process';
import { Agent, type AgentOptions, type ClientRequestArgs } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { Duplex } from 'node:stream';
import { DriverError } from '../driver.ts';

export interface Tls {
  ca: Buffer | string;
  cert: Buffer | string;
  key: Buffer | string;
}

/** How to reach an engine. */
export interface Connection {
  /** Whether its socket is on this machine, so that its paths and processes are ours too. */
  local: boolean;
  /** Where ports that it publishes on all addresses are reached. */
  host: string;
  protocol: 'http:' | 'https:';
  request: ClientRequestArgs;
  /** `streams` has no bound: logs and events hold a connection each. */
  agent: Agent;
  streams: Agent;
}

/** Engines serve requests in parallel, but each costs it threads; more at once gains nothing. */
const maxSockets = 32;

/** From unix:///path, tcp://host:port (TLS where keys are given) or ssh://user@host:port. */
export function connect(endpoint: string, tls?: Tls): Connection {
  const url = URL.parse(endpoint);
  const pooled: AgentOptions = { keepAlive: true, maxSockets };
  const endless: AgentOptions = { keepAlive: false };
  switch (url?.protocol) {
    case 'unix:':
      return {
        local: true,
        host: '127.0.0.1',
        protocol: 'http:',
        request: { socketPath: decodeURIComponent(url.pathname), host: 'engine' },
        agent: new Agent(pooled),
        streams: new Agent(endless),
      };
    case 'tcp:': {
      const request = {
        host: unbracketed(url.hostname),
        port: url.port || (tls === undefined ? 2375 : 2376),
      };
      return {
        local: false,
        host: request.host,
        protocol: tls === undefined ? 'http:' : 'https:',
        request: { ...request, ...tls },
        agent: tls === undefined ? new Agent(pooled) : new TlsAgent({ ...pooled, ...tls }),
        streams: tls === undefined ? new Agent(endless) : new TlsAgent({ ...endless, ...tls }),
      };
    }
    case 'ssh:':
      return {
        local: false,
        host: unbracketed(url.hostname),
        protocol: 'http:',
        request: { host: 'engine' },
        // sshd refuses more than ten unauthenticated connections at once (MaxStartups).
        agent: sshAgent(url, { ...pooled, maxSockets: 8 }),
        streams: sshAgent(url, endless),
      };
    default:
      throw new DriverError(
        'Terminal',
        'InvalidSpec',
        `endpoint "${endpoint}" is not understood; write unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host`,
      );
  }
}

const unbracketed = (host: string): string => host.replace(/^\[|\]$/g, '');

/** As the docker command does it: the system's own ssh, with the user's configuration, keys and known hosts. */
function sshAgent(url: URL, options: AgentOptions): Agent {
  const target = url.username === '' ? url.hostname : `${decodeURIComponent(url.username)}@${url.hostname}`;
  const port = url.port === '' ? [] : ['-p', url.port];
  return Object.assign(new Agent(options), {
    createConnection(): Duplex {
      const child = spawn(
        'ssh',
        [
          '-o',
          'BatchMode=yes',
          '-o',
          'ServerAliveInterval=15',
          ...port,
          '--',
          target,
          'docker',
          'system',
          'dial-stdio',
        ],
        { stdio: ['pipe', 'pipe', 'pipe'] },
      );
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
      // http.Agent expects of a socket that it can do these.
      return Object.assign(socket, {
        setKeepAlive: () => socket,
        setNoDelay: () => socket,
        setTimeout: () => socket,
        ref: () => socket,
        unref: () => socket,
      });
    },
  });
}
