import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { checkFolder, UntrustedError } from '../platform/trusted.ts';

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
