import { readdirSync, readFileSync } from 'node:fs';
import type { Clock } from '../platform/clock.ts';
import { isCode } from '../platform/code.ts';
import { type Driver, type DriverCondition, DriverError, type RunSpec } from './driver.ts';

/** How many files a process has open, and its limit. */
export interface FileCount {
  open: number;
  limit: number;
}

/**
 * Keeps enough file descriptors free for connections to the API, so that agents can always be inspected and stopped.
 */
export interface OpenFiles {
  /** Throws NotStartable `TooManyOpenFiles` if one more start would use the reserved descriptors. */
  admit(): void;
  condition(): DriverCondition;
}

/** The process whose files are counted, as a condition of the Runtime describes it. */
interface Owner {
  condition: string;
  name: string;
  /** How to get a higher limit. */
  remedy: string;
}

const controllerFiles: Owner = {
  condition: 'FilesAvailable',
  name: 'controller',
  remedy: 'restart the controller',
};
/** The collector outlives the controller, so its limit does not change while agents run. */
export const collectorFiles: Owner = {
  condition: 'OutputFilesAvailable',
  name: 'collector of output',
  remedy: 'restart the controller with its agents (agentctl controller stop --agents)',
};

/** What a start may use: its output, its input, and a temporary file. In the collector: two pipes and a log. */
const perStart = 3;
/** A start is counted separately until its files are surely included in the total. */
const startsForMs = 5000;
const countEveryMs = 250;

const keptFree = ({ limit }: FileCount): number => Math.min(Math.max(32, limit / 10), 256, limit / 2);

/** Refuses starts if descriptors run short. It wraps every driver, because each uses descriptors of the controller. */
export function withOpenFiles<D extends Driver>(driver: D, files: OpenFiles): D {
  const { restart } = driver;
  return {
    ...driver,
    async create(spec: RunSpec) {
      files.admit();
      return driver.create(spec);
    },
    ...(restart !== undefined && {
      async restart(ref: string, spec: RunSpec) {
        files.admit();
        return restart(ref, spec);
      },
    }),
    conditions: () => [...(driver.conditions?.() ?? []), files.condition()],
  };
}

export function createOpenFiles(
  clock: Clock,
  read: () => FileCount = countFiles,
  owner: Owner = controllerFiles,
): OpenFiles {
  let starts: number[] = [];
  let known: FileCount | undefined;
  let knownAt = 0;

  /** If even the count cannot be read, all descriptors are in use. */
  const readOrFull = (before: FileCount | undefined): FileCount => {
    try {
      return read();
    } catch (error) {
      if (!isCode(error, 'EMFILE', 'ENFILE')) throw error;
      const limit = before?.limit ?? 0;
      return { open: limit, limit };
    }
  };

  const count = (): FileCount => {
    const now = clock.now();
    if (known === undefined || now - knownAt >= countEveryMs) {
      known = readOrFull(known);
      knownAt = now;
    }
    return known;
  };
  const room = (): number => {
    const files = count();
    starts = starts.filter((at) => clock.now() - at < startsForMs);
    return files.limit - files.open - keptFree(files) - starts.length * perStart;
  };

  return {
    admit() {
      if (room() < perStart) throw tooManyOpenFiles(undefined, owner);
      starts.push(clock.now());
    },
    condition() {
      const { open, limit } = count();
      const isShort = room() < perStart;
      const so = `The ${owner.name} has ${open} of ${limit} files open`;
      return {
        type: owner.condition,
        status: isShort ? 'False' : 'True',
        reason: isShort ? 'TooManyOpenFiles' : 'Enough',
        // The exact number changes all the time, so it is reported only if it is short.
        message: isShort
          ? `${so}; no more agents are started. Raise the hard limit (ulimit -H -n, or LimitNOFILE= of the service) and ${owner.remedy}.`
          : `The ${owner.name} may open ${limit} files; an agent takes up to ${perStart}.`,
      };
    },
  };
}

/** Counts the files of this process, or of another process of the same user. Throws if /proc cannot be read. */
export function countFiles(pid: number | 'self' = 'self'): FileCount {
  const text = readFileSync(`/proc/${pid}/limits`, 'latin1');
  const soft = /^Max open files\s+(\d+)/m.exec(text)?.[1];
  const limit = soft === undefined ? Number.MAX_SAFE_INTEGER : Number(soft);
  return { open: readdirSync(`/proc/${pid}/fd`).length, limit };
}

/** Not a failure of the agent: it is retried when files have been closed. */
export const tooManyOpenFiles = (cause?: unknown, { name, remedy }: Owner = controllerFiles): DriverError =>
  new DriverError(
    'NotStartable',
    'TooManyOpenFiles',
    `no more agents are started, because the ${name} has almost reached its limit of open files (RLIMIT_NOFILE): raise its hard limit (ulimit -H -n, or LimitNOFILE= of the service) and ${remedy}`,
    { cause },
  );
