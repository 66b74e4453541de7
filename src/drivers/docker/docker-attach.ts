import type { Duplex } from 'node:stream';
import { type Clock, sleep } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { Attachment, AttachOptions } from '../attachment.ts';
import { DriverError } from '../driver.ts';
import { createInput, type Input, inputClosed } from '../stdio/input.ts';
import { createIntake, createKeep, type Intake } from '../stdio/intake.ts';
import { readOutput } from '../stdio/output.ts';
import { createPosition, placeOf } from '../stdio/position.ts';
import { gone, hasStatus, stepError } from './docker-errors.ts';
import { beginOf, createStdout, entriesOf, frames, seconds } from './docker-logs.ts';
import type { ContainerInspect } from './docker-observe.ts';
import { type Engine, EngineError, streamOf, until } from './engine.ts';

export interface AttachDeps {
  engine: Engine;
  clock: Clock;
  log: Log;
  /** The engine runs on this host, so both have the same clock. */
  local: boolean;
  podman: () => Promise<boolean>;
  /** Returns undefined if the container is gone or is not ours. */
  find: (ref: string) => Promise<ContainerInspect | undefined>;
}

export interface Attachments {
  /** Call before a start, so that an attachment that is opened soon after it loses no byte of the run. */
  prepare(ref: string): Promise<void>;
  /** Call when the start that was prepared has succeeded. */
  started(inspect: ContainerInspect): Promise<void>;
  /** Call when that start has failed, or before the container is removed. */
  drop(ref: string): void;
  attach(ref: string, options: AttachOptions): Promise<Attachment>;
  close(): void;
}

export function createAttachments(deps: AttachDeps): Attachments {
  const { engine, clock, log, find } = deps;
  const keep = createKeep(clock);
  const all = new Set<() => void>();
  let closed = false;

  const openLive = async (ref: string): Promise<Intake> =>
    createIntake(
      await engine.hijack(`/containers/${ref}/attach?stream=1&stdin=1&stdout=1`),
      clock,
      createStdout(),
    );

  const ofRun = async (ref: string, startId: string): Promise<ContainerInspect> => {
    const found = await find(ref);
    if (found?.State.StartedAt !== startId) throw gone(ref);
    return found;
  };

  /** Returns the live output if the run has not ended. Attaching to an ended run would wait for the next run. */
  const liveOf = async (inspect: ContainerInspect): Promise<Intake | undefined> => {
    const { Id: ref, State: state } = inspect;
    if (!runs(inspect)) return undefined;
    const live = await openLive(ref).catch((error: unknown) => {
      throw hasStatus(error, 409) ? notRunning(ref, error) : stepError(error, ref, 'attach');
    });
    try {
      if (runs(await ofRun(ref, state.StartedAt))) return live;
      live.close();
      return undefined;
    } catch (error) {
      live.close();
      throw error;
    }
  };

  /**
   * Podman cleans up some time after a run. An attachment for the next run that is opened before that would be closed
   * by the cleanup.
   */
  const untilCleanedUp = async (ref: string): Promise<void> => {
    const deadline = clock.now() + cleanUpMs;
    while ((await find(ref))?.State.Status === 'stopped' && clock.now() < deadline) await sleep(clock, 20);
  };

  const inputOf = (ref: string, live: Intake | undefined, byLive: boolean, cut?: boolean): Input => {
    const name = ref.slice(0, 12);
    const open = async (): Promise<Duplex> => {
      if (live === undefined) throw notRunning(ref);
      return byLive ? live.socket : feedInput(engine, ref);
    };
    const input = createInput(stdinOf(ref), open, { cut });
    const ended = (): void => input.close(`the run of ${name} has ended`);
    if (live === undefined) ended();
    else live.onEnd(ended);
    return input;
  };

  return {
    async prepare(ref) {
      keep.drop(ref);
      if (await deps.podman()) await untilCleanedUp(ref);
      keep.put(ref, await openLive(ref));
    },
    async started({ Id: ref, State: state }) {
      keep.started(ref, state.StartedAt);
      if (await deps.podman()) await holdInput(engine, ref, log);
    },
    drop: keep.drop,

    async attach(ref, { run, startId, cursor, cut, signal }) {
      const place = cursor === undefined ? undefined : placeOf(cursor);
      const podman = await deps.podman();
      await keep.known(ref);
      const kept = keep.take(ref, startId);
      const inspect = await ofRun(ref, startId).catch((error: unknown) => {
        kept?.close();
        throw error;
      });
      const isFirst = kept !== undefined && place === undefined;
      if (!isFirst) kept?.close();
      const live = isFirst ? kept : await liveOf(inspect);
      /**
       * When the run was seen to have ended. No line of this run is later; a later run cannot begin before this
       * instant.
       */
      let endedBy = live === undefined ? clock.now() : undefined;
      const begin = beginOf(inspect, run);
      const stop = new AbortController();
      const input = inputOf(ref, live, isFirst || !podman, cut);
      const output = readOutput({
        live,
        isWhole: isFirst,
        position: createPosition(place ?? { since: begin, skip: 0, hashes: [] }),
        begin,
        mayEndEarly: podman,
        clock,
        local: deps.local,
        signal: stop.signal,
        async *read(since) {
          const query = {
            stdout: true,
            timestamps: true,
            ...(since > 0 ? { since: seconds(since) } : {}),
            // Another run may begin meanwhile.
            ...(endedBy !== undefined && deps.local ? { until: seconds(endedBy) } : {}),
          };
          const stream = await streamOf(engine.streams, `/containers/${ref}/logs`, query, stop.signal);
          yield* entriesOf(frames(until(stream, stop.signal)), { podman });
        },
        async state() {
          const found = await find(ref);
          if (found?.State.StartedAt !== startId) return 'Gone';
          if (runs(found)) return 'Runs';
          endedBy = clock.now();
          return 'Ended';
        },
        gone: () => gone(ref),
        wrap: (error) => stepError(error, ref, 'read the output'),
      });
      const close = (): void => {
        if (stop.signal.aborted) return;
        stop.abort();
        input.close(`the attachment to ${ref.slice(0, 12)} was closed`);
        live?.close();
        signal.removeEventListener('abort', close);
        all.delete(close);
      };
      all.add(close);
      signal.addEventListener('abort', close);
      if (signal.aborted || closed) close();
      return {
        lines: output,
        write: input.write,
        settled() {},
        workingDir: inspect.Config.WorkingDir || '/',
        close,
      };
    },

    close() {
      closed = true;
      keep.close();
      for (const close of all) close();
    },
  };
}

const cleanUpMs = 5_000;

const runs = ({ State: { Running: running, Paused: paused } }: ContainerInspect): boolean =>
  running || paused;

const notRunning = (ref: string, cause?: unknown): DriverError =>
  new DriverError('Retryable', 'NotRunning', `${ref.slice(0, 12)} does not run`, { cause });

/**
 * Podman's monitor closes a container's standard input when any attached connection closes. conmon's option
 * `--leave-stdin-open` would prevent that, but Podman does not set it. So a process in the container holds the pipe
 * open from the start, and later connections write through another process. Both need `sh` in the image.
 */
const pipe = '/proc/1/fd/0';
const hold = ['sh', '-c', `exec sleep 999999999 >${pipe}`];
const feed = ['sh', '-c', `exec cat >${pipe}`];

/** If this fails, the program reads end-of-file on its standard input when the controller exits. */
async function holdInput({ calls }: Engine, ref: string, log: Log): Promise<void> {
  try {
    const exec = await calls.getContainer(ref).exec({ Cmd: hold });
    await exec.start({ Detach: true });
  } catch (error) {
    log.warn({ err: error, ref }, 'the standard input ends with the controller: is there sh in the image?');
  }
}

async function feedInput({ calls, hijack }: Engine, ref: string): Promise<Duplex> {
  try {
    const { id } = await calls.getContainer(ref).exec({ Cmd: feed, AttachStdin: true, AttachStdout: true });
    const socket = await hijack(`/exec/${id}/start`, { Detach: false, Tty: false });
    // This connection carries no data, but its end is noticed only if it is read.
    return socket.resume();
  } catch (error) {
    throw error instanceof EngineError ? inputClosed(stdinOf(ref), error) : error;
  }
}

/** For error messages. */
const stdinOf = (ref: string): string => `the standard input of ${ref.slice(0, 12)}`;
