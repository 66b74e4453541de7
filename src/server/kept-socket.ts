import { lstatSync, renameSync, rmSync } from 'node:fs';
import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import type { Server as HttpServer } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { AgentctlError } from '../api/errors.ts';
import type { Cancel, Clock } from '../platform/clock.ts';
import { ignoringAsync } from '../platform/code.ts';
import type { Log } from '../platform/log.ts';
import { checkFolder, UntrustedError } from '../platform/trusted.ts';

/** How often the existence of the socket is checked. */
const lookMs = 2_000;

export interface KeptSocketDeps {
  path: string;
  server: HttpServer;
  clock: Clock;
  log: Log;
}

/**
 * The unix socket of a server. It is created under another name and then renamed, so it appears with its final mode,
 * and only this class removes a file at its path. If it is removed or replaced, for example by a cleanup of runtime
 * folders, it is created again, unless another process listens there or the file is not a socket.
 */
export class KeptSocket {
  readonly #deps: KeptSocketDeps;
  /** Earlier listeners: a server cannot listen twice. */
  readonly #listeners: Server[] = [];
  #identity: string | undefined;
  #cancel: Cancel = () => {};
  /** The last failure, so that it is logged once. */
  #lastError = '';
  #isClosed = false;

  constructor(deps: KeptSocketDeps) {
    this.#deps = deps;
  }

  /** Throws SocketError if the socket cannot be created. */
  async open(): Promise<void> {
    await this.#make(this.#deps.server);
    this.#lookLater();
  }

  /** Call before the server is closed. */
  close(): void {
    this.#isClosed = true;
    this.#cancel();
    for (const listener of this.#listeners) listener.close();
    if (this.#identity !== undefined && identityOf(this.#deps.path) === this.#identity)
      rmSync(this.#deps.path, { force: true });
  }

  async #make(listener: Server | HttpServer): Promise<void> {
    const { path } = this.#deps;
    await prepareSocket(path);
    const made = join(dirname(path), `.${process.pid}`); // not longer than any name that we choose
    rmSync(made, { force: true });
    await listen(listener, made);
    if (this.#isClosed) return; // closing the listener removes the file
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
        const listener = createServer((socket) => server.emit('connection', socket));
        await this.#make(listener);
        if (this.#isClosed) listener.close();
        else this.#listeners.push(listener);
        log.warn({ socket: path }, 'the socket was removed; it is created again');
      }
      this.#lastError = '';
    } catch (error) {
      if (String(error) !== this.#lastError)
        log.error({ err: error, socket: path }, 'the socket cannot be created again');
      this.#lastError = String(error);
    }
    if (!this.#isClosed) this.#lookLater();
  }
}

/** A socket's mode comes from the umask, and listen binds it synchronously. */
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

/** Returns undefined if there is no file. No other file can get this inode while the socket is listening. */
function identityOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? undefined : `${found.dev} ${found.ino}`;
}

/** The socket cannot be created. The message gives the cause and the remedy. */
export class SocketError extends AgentctlError<'SocketUnusable'> {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('SocketUnusable', message, options);
    this.name = 'SocketError';
  }
}

/**
 * Prepares the path of a unix socket: creates its folder with mode 0700 and removes what a dead controller left. Throws
 * SocketError for a folder that other users may write to, a socket on which a process answers, and a file that is not a
 * socket.
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
  const found = await ignoringAsync(lstat(path), 'ENOENT');
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
    // Refused means that no process has it open. Any other error (a full backlog, no permission) means that one does.
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}
