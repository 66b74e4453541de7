import type { ResourceLimits, Worker } from 'node:worker_threads';
import type { Clock } from '../../platform/clock.ts';
import { Thread, ThreadError } from '../../platform/thread.ts';
import { SourceError } from '../source.ts';
import type { Job, JobAnswer, ParseOptions, Parser } from './parser.ts';
import { startThread } from './start-thread.ts';

interface ThreadedDeps {
  clock: Clock;
  start?: (bounds: ResourceLimits) => Worker;
}

/**
 * The limit of one job, in milliseconds. A document of 1 MiB takes up to 4 s and 300 MiB, a file up to four such
 * documents. The same limit applies to malicious documents.
 */
const longest = 20_000;
const memory = 512; // MiB
const idle = 30_000;
const mostWaiting = 100;

/** Creates a Parser in its own thread, so that no input can block this thread or use up its memory. */
export function createParser({ clock, start = startThread }: ThreadedDeps): Parser {
  const thread = new Thread({
    start: () => start({ maxOldGenerationSizeMb: memory, maxYoungGenerationSizeMb: 64 }),
    clock,
    idle,
    mostWaiting,
  });

  async function run<J extends Job>(
    job: J,
    options: ParseOptions,
  ): Promise<{ value: JobAnswer<J>; took: number }> {
    const timeout = Math.min(longest, options.timeout ?? longest);
    try {
      const { value, took } = await thread.run(job, { ...options, timeout });
      return { value: value as JobAnswer<J>, took }; // entry.ts answers with this type
    } catch (error) {
      throw refusal(error, whatOf(job), timeout);
    }
  }

  return {
    async parse(files, options) {
      // Copies only the bytes of the file: a Buffer is usually part of a larger one, which would be copied completely.
      const own = files.map(({ name, bytes }) => ({ name, bytes: new Uint8Array(bytes) }));
      const { value, took } = await run({ type: 'parse', files: own }, options);
      return { read: value, took };
    },
    async locate({ name, bytes }, fields, options) {
      const file = { name, bytes: new Uint8Array(bytes) };
      const { value, took } = await run({ type: 'locate', file, fields }, options);
      return { places: value, took };
    },
    async seal(root, path, options) {
      const { refused } = (await run({ type: 'seal', root, path }, options)).value;
      if (refused !== undefined) throw new SourceError(refused.reason, refused.message);
    },
    value: async (text, options) => (await run({ type: 'value', text }, options)).value,
    close: () => thread.close(),
  };
}

function whatOf(job: Job): string {
  switch (job.type) {
    case 'parse': {
      const [first, ...others] = job.files;
      const last = others.at(-1);
      return last === undefined ? (first?.name ?? 'nothing') : `one of ${first?.name} to ${last.name}`;
    }
    case 'locate':
      return job.file.name;
    case 'seal':
      return `${job.path}: its kustomizations`;
    case 'value':
      return 'the document';
  }
}

function refusal(cause: unknown, what: string, timeout: number): SourceError {
  if (!(cause instanceof ThreadError))
    return new SourceError('Failed', `${what} cannot be read: ${String(cause)}`, { cause });
  switch (cause.code) {
    case 'Timeout':
      return new SourceError('Timeout', `${what} could not be read within ${timeout / 1000} s:`, {
        cause,
        remedy: 'split or simplify it',
      });
    case 'OutOfMemory':
      return new SourceError('TooLarge', `${what} needs more than ${memory} MiB of memory to read:`, {
        cause,
        remedy: 'split or simplify it',
      });
    case 'Busy':
      return new SourceError('Timeout', 'too many manifests are waiting to be read: it is tried again', {
        cause,
      });
    case 'Aborted':
      return new SourceError('Timeout', `reading ${what} was cancelled`, { cause });
    case 'Crashed':
      return new SourceError('Failed', `${what} crashed the parser (${cause.message}):`, {
        cause,
        remedy: 'split or simplify it',
      });
  }
}
