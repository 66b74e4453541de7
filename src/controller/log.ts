import { ApiError } from '../api/errors.ts';
import { type Instance, keyOf, keyText } from '../api/objects.ts';
import type { LogEntry, LogOptions } from '../client/streams.ts';
import type { LogOptions as DriverLogOptions, LogLine, RunSpan } from '../drivers/driver.ts';
import { exitText } from '../plan/exits.ts';
import { instant } from '../plan/instant.ts';
import type { Clock } from '../platform/clock.ts';
import { createTranscript } from '../protocols/acp/updates.ts';
import type { Controller } from './controller.ts';
import { followRuns, outOfReach } from './log-follow.ts';

/** Yields the output of an Instance. Implements Streams.log. */
export async function* instanceLog(
  { cache, runtimes }: Pick<Controller, 'cache' | 'runtimes'>,
  clock: Clock,
  instance: Instance,
  options: LogOptions,
): AsyncGenerator<LogEntry> {
  const key = keyOf(instance);
  const agent = cache.agents.get(keyText({ ...key, name: instance.spec.agentName }));
  const isTranscript = agent?.spec.protocol === 'acp' && options.raw !== true;
  const shown = (lines: AsyncIterable<LogEntry>): AsyncIterable<LogEntry> =>
    isTranscript ? transcribed(lines) : lines;
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
      return session.driver.logs(ref, how);
    };
    yield* followRuns({ find, read, shown, clock, signal }, { tail, since });
    return;
  }
  const session = runtimes.session(instance.spec.runtimeRef.name);
  if (session === undefined) throw new ApiError('ServiceUnavailable', outOfReach(instance).message);
  const run = options.previous === true ? lastEnded(instance) : undefined;
  const ref = instance.status?.run?.ref ?? instance.status?.run?.previous?.ref;
  if (ref === undefined) return;
  yield* shown(session.driver.logs(ref, { follow: follow && run === undefined, tail, since, run, signal }));
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

/** The log of an `acp` agent: a transcript of its standard output, and its standard error unchanged. */
async function* transcribed(lines: AsyncIterable<LogEntry>): AsyncGenerator<LogEntry> {
  const transcript = createTranscript();
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
