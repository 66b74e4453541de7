import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { DriverError } from '../driver.ts';
import { hasStatus, stepError } from './docker-errors.ts';
import { type Engine, EngineError } from './engine.ts';

/** How long a kill waits until the engine reports the end of the container. */
const killWaitMs = 10_000;

interface Signals {
  /** Succeeds if nothing is left to signal. */
  send(ref: string, signal: string): Promise<void>;
  /** A paused process receives no signal. Docker unpauses a container by itself for some signals, Podman for none. */
  thaw(ref: string): Promise<void>;
  /** Waits for the end after SIGKILL. Throws Retryable `KillFailed` if it does not come. */
  untilEnded(ref: string): Promise<void>;
}

export const createSignals = ({ calls }: Engine, clock: Clock, log: Log): Signals => ({
  async send(ref: string, signal: string) {
    try {
      await calls.getContainer(ref).kill({ signal });
    } catch (error) {
      if (hasStatus(error, 404, 409)) return;
      if (
        error instanceof EngineError &&
        /is not running|can only kill running|container state improper/i.test(error.message)
      )
        return;
      throw stepError(error, ref, `signal ${signal}`);
    }
  },

  async thaw(ref: string) {
    try {
      await calls.getContainer(ref).unpause();
    } catch (error) {
      if (!hasStatus(error, 404, 409, 500)) throw error;
      log.debug({ err: error, ref }, 'nothing to unpause after the signal');
    }
  },

  async untilEnded(ref: string) {
    const late = new AbortController();
    const cancel = clock.after(killWaitMs, () => late.abort());
    try {
      await calls.getContainer(ref).wait({ abortSignal: late.signal });
    } catch (error) {
      if (hasStatus(error, 404)) return;
      if (!late.signal.aborted) throw stepError(error, ref, 'wait for the end after SIGKILL');
      throw new DriverError(
        'Retryable',
        'KillFailed',
        `${ref.slice(0, 12)} is still running ${killWaitMs / 1000} s after SIGKILL: one of its processes hangs in the kernel, for example on a broken disk`,
        { cause: error },
      );
    } finally {
      cancel();
    }
  },
});
