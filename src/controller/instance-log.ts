import { ApiError } from '../api/errors.ts';
import { type Instance, keyOf, keyText, type ObjectKey } from '../api/objects.ts';
import type { Resources } from '../client/resources.ts';
import type { LogApi, LogEntry, LogOptions } from '../client/streams.ts';
import { protocolOf } from '../conversations/ports.ts';
import {
  type Driver,
  DriverError,
  type LogOptions as DriverLogOptions,
  type LogLine,
  type RunSpan,
} from '../drivers/driver.ts';
import { exitText } from '../plan/restart.ts';
import { instant } from '../plan/times.ts';
import type { Clock } from '../platform/clock.ts';
import type { Transcript } from '../protocols/protocol.ts';
import type { Controller } from './controller.ts';
import { followRuns, outOfReach } from './log-follow.ts';

/** The output of Instances, read from their drivers. */
export class InstanceLogs implements LogApi {
  readonly #controller: Pick<Controller, 'cache' | 'runtimes'>;
  readonly #resources: Pick<Resources, 'get'>;
  readonly #clock: Clock;

  constructor(
    controller: Pick<Controller, 'cache' | 'runtimes'>,
    resources: Pick<Resources, 'get'>,
    clock: Clock,
  ) {
    this.#controller = controller;
    this.#resources = resources;
    this.#clock = clock;
  }

  async *log(key: ObjectKey, options: LogOptions): AsyncGenerator<LogEntry> {
    const { instances } = this.#controller.cache;
    const instance = instances.get(keyText(key)) ?? (await this.#resources.get('Instance', key));
    yield* instanceLog(this.#controller, this.#clock, instance, options);
  }
}

async function* instanceLog(
  { cache, runtimes }: Pick<Controller, 'cache' | 'runtimes'>,
  clock: Clock,
  instance: Instance,
  options: LogOptions,
): AsyncGenerator<LogEntry> {
  const key = keyOf(instance);
  const agent = cache.agents.get(keyText({ ...key, name: instance.spec.agentName }));
  const protocol = agent === undefined ? undefined : protocolOf(agent.spec);
  const transcript = options.raw === true ? undefined : protocol?.transcript;
  const shown = (lines: AsyncIterable<LogEntry>): AsyncIterable<LogEntry> =>
    transcript === undefined ? lines : transcribed(lines, transcript());
  const { follow = false, tail, since, signal } = options;
  if (follow && options.runs === true && options.previous !== true) {
    const { uid } = instance.metadata;
    const find = (): Instance | undefined => {
      const found = cache.instances.get(keyText(key));
      return found?.metadata.uid === uid ? found : undefined;
    };
    const read = (of: Instance, ref: string, how: DriverLogOptions): AsyncIterable<LogLine> => {
      const session = runtimes.session(of.spec.runtimeRef.name);
      if (session === undefined) throw outOfReach(of);
      return logsOf(session.driver)(ref, how);
    };
    yield* followRuns({ find, read, shown, clock, signal }, { tail, since });
    return;
  }
  const session = runtimes.session(instance.spec.runtimeRef.name);
  if (session === undefined) throw new ApiError('ServiceUnavailable', outOfReach(instance).message);
  if (options.previous === true) {
    const run = lastEnded(instance);
    yield* shown(
      outputOf(session.driver, refOf(instance, run.number), { follow: false, tail, since, run, signal }),
    );
    return;
  }
  const ref = instance.status?.run?.ref ?? instance.status?.run?.previous?.ref;
  if (ref === undefined) return;
  yield* shown(logsOf(session.driver)(ref, { follow, tail, since, signal }));
}

function logsOf(driver: Driver): NonNullable<Driver['logs']> {
  if (driver.logs !== undefined) return driver.logs;
  throw new ApiError('BadRequest', 'Its Runtime keeps no output.');
}

/** Returns the container or process of the run that ended last; undefined if it is known to be removed. */
function refOf({ status }: Instance, ended: number): string | undefined {
  const { run } = status ?? {};
  const isNewest = run?.number === ended || run?.previous === undefined;
  return isNewest ? run?.ref : run.previous?.ref;
}

/** Yields the output of one ended run. Throws ApiError if that was removed, for example after a change of the spec. */
async function* outputOf(
  driver: Driver,
  ref: string | undefined,
  options: DriverLogOptions & { run: RunSpan },
): AsyncGenerator<LogLine> {
  const deleted = `The output of run ${options.run.number} was deleted when its container or folder was removed.`;
  if (ref === undefined) throw new ApiError('BadRequest', deleted);
  try {
    yield* logsOf(driver)(ref, options);
  } catch (error) {
    if (!(error instanceof DriverError) || error.code !== 'Gone') throw error;
    throw new ApiError('BadRequest', deleted, { cause: error });
  }
}

/** Returns the run that `previous` means, as in kubectl: the run that ended last. Throws ApiError if there is none. */
function lastEnded({ metadata: { name }, status }: Instance): RunSpan {
  const { lastExit } = status ?? {};
  if (lastExit === undefined) throw new ApiError('BadRequest', `No run of ${name} has ended yet.`);
  const startedAt = instant(lastExit.startedAt);
  if (startedAt === undefined)
    throw new ApiError('BadRequest', `The last run of ${name} has no output: ${exitText(lastExit)}`);
  return { number: lastExit.run, startedAt, finishedAt: instant(lastExit.finishedAt) };
}

/** Yields a transcript of standard output, and standard error unchanged. */
async function* transcribed(
  lines: AsyncIterable<LogEntry>,
  transcript: Transcript,
): AsyncGenerator<LogEntry> {
  let last: LogEntry | undefined;
  for await (const line of lines) {
    if (line.stream !== 'stdout') {
      yield line;
      continue;
    }
    last = line;
    for (const text of transcript(line.text)) yield { ...line, text };
  }
  if (last !== undefined) for (const text of transcript.flush()) yield { ...last, text };
}
