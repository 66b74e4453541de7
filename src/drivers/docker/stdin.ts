import type { Duplex } from 'node:stream';
import type { Log } from '../../platform/log.ts';
import { inputClosed } from '../input.ts';
import { type Engine, EngineError } from './engine.ts';

/**
 * Podman's monitor closes the standard input of a container when any attached connection goes, and knows no option
 * against that (conmon's --leave-stdin-open is not Podman's to give). So from the start on a process in the container
 * holds the pipe open, and later connections write by another one. Both need `sh` in the image.
 */
const pipe = '/proc/1/fd/0';
const hold = ['sh', '-c', `exec sleep 999999999 >${pipe}`];
const feed = ['sh', '-c', `exec cat >${pipe}`];

/** Where it fails, the program reads the end of its input when the controller goes. */
export async function holdInput({ calls }: Engine, ref: string, log: Log): Promise<void> {
  try {
    const exec = await calls.getContainer(ref).exec({ Cmd: hold });
    await exec.start({ Detach: true });
  } catch (error) {
    log.warn({ err: error, ref }, 'the standard input ends with the controller: is there sh in the image?');
  }
}

export async function feedInput({ calls, hijack }: Engine, ref: string): Promise<Duplex> {
  try {
    const { id } = await calls.getContainer(ref).exec({ Cmd: feed, AttachStdin: true, AttachStdout: true });
    const socket = await hijack(`/exec/${id}/start`, { Detach: false, Tty: false });
    // It says nothing, but its end is seen only by who reads.
    return socket.resume();
  } catch (error) {
    throw error instanceof EngineError ? inputClosed(stdinOf(ref), error) : error;
  }
}

/** In a message. */
export const stdinOf = (ref: string): string => `the standard input of ${ref.slice(0, 12)}`;
