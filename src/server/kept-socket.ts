import { lstatSync, renameSync, rmSync } from 'node:fs';
import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import type { Server as HttpServer } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import type { Cancel, Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { checkFolder, UntrustedError } from '../platform/trusted.ts';

/** How often it is looked whether the socket is there. */
const lookMs = 2_000;

export interface KeptSocketDeps {
  path: string;
  server: HttpServer;
  clock: Clock;
  log: Log;
}

/**
 * The unix socket of a server. It is made under another name and then renamed, so it appears with its mode, and nobody
 * but this class removes a file at its path. Where it is removed or replaced, as by what cleans up runtime folders, it is
 * made again, unless another process listens there or the file is no socket.
 */
export class KeptSocket {
  readonly #deps: KeptSocketDeps;
  /** What listened before: its server cannot listen twice. */
  readonly #doors: Server[] = [];
  #identity: string | undefined;
  #cancel: Cancel = () => {};
  /** The last failure, which is logged once. */
  #told = '';
  #isClosed = false;

  constructor(deps: KeptSocketDeps) {
    this.#deps = deps;
  }

  /** SocketError where it cannot be had. */
  async open(): Promise<void> {
    await this.#make(this.#deps.server);
    this.#lookLater();
  }

  /** To be called before the server is closed. */
  close(): void {
    this.#isClosed = true;
    this.#cancel();
    for (const door of this.#doors) door.close();
    if (this.#identity !== undefined && identityOf(this.#deps.path) === this.#identity)
      rmSync(this.#deps.path, { force: true });
  }

  async #make(listener: Server | HttpServer): Promise<void> {
    const { path } = this.#deps;
    await prepareSocket(path);
    const made = join(dirname(path), `.${process.pid}`); // no longer than any name that we choose
    rmSync(made, { force: true });
    await listen(listener, made);
    if (this.#isClosed) return; // it removes what it made when it is closed
    this.#identity = identityOf(made);
    renameSync(made, path);
  }

  #lookLater(): void {
    this.#cancel = this.#deps.clock.after(lookMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { path, server, log } = this.#deps;
    try {
      if (identityOf(path) !== this.#identity) {
        const door = createServer((socket) => server.emit('connection', socket));
        await this.#make(door);
        if (this.#isClosed) door.close();
        else this.#doors.push(door);
        log.warn({ socket: path }, 'the socket was removed; it is created again');
      }
      this.#told = '';
    } catch (error) {
      if (String(error) !== this.#told)
        log.error({ err: error, socket: path }, 'the socket cannot be created again');
      this.#told = String(error);
    }
    if (!this.#isClosed) this.#lookLater();
  }
}

/** A socket's mode comes from the umask, and it is bound before listen returns. */
function listen(server: Server | HttpServer, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const before = process.umask(0o177);
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    try {
      server.listen(path);
    } finally {
      process.umask(before);
    }
  });
}

/** Undefined where there is none. No other file gets this inode while the socket is listened on. */
function identityOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? undefined : `${found.dev} ${found.ino}`;
}

/** The socket cannot be had; the message says why and what to do. */
export class SocketError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'SocketError';
  }
}

/**
 * Makes place for a unix socket: its folder with mode 0700, what a dead controller left there gone. A folder that other
 * users may write to, a socket that somebody answers on, and a file that is no socket, are left alone: SocketError.
 */
export async function prepareSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) > 107)
    throw new SocketError(
      `the path of the socket is longer than 107 bytes, the limit of unix sockets: ${path}`,
    );
  const made = await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (made !== undefined) await chmod(dirname(path), 0o700);
  try {
    checkFolder(dirname(path));
  } catch (cause) {
    throw cause instanceof UntrustedError ? new SocketError(cause.message, { cause }) : cause;
  }
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket())
    throw new SocketError(`${path} exists and is not a socket; remove it, or use another path`);
  if (await answers(path))
    throw new SocketError(`another controller listens on ${path}; stop it first: agentctl controller stop`);
  await rm(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Refused: nobody has it open. Anything else (a full backlog, no permission) is somebody.
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}
