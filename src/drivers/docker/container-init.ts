import { open } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { oneWordHint } from '../../api/text.ts';
import type { Clock } from '../../platform/clock.ts';
import { type DriverCondition, DriverError, type RunSpec } from '../driver.ts';
import type { Bind } from './container-files.ts';
import { hasStatus } from './docker-errors.ts';
import type { Engine, EngineError } from './engine.ts';
import type { EngineFacts } from './engine-facts.ts';
import { encodeImage } from './image-pulls.ts';

/**
 * What runs as PID 1 of a container. It reaps orphans, and it lets SIGTERM end a program that does not handle it, which
 * the kernel does not do for PID 1. `Engine` is the engine's own init. A path is a program of this host that is
 * bind-mounted into the container if the engine has none.
 */
export type Init = 'Engine' | 'None' | { path: string };

export interface Inits {
  choose(facts: EngineFacts): Promise<Init>;
  /**
   * Records why the engine refused to create a container. Returns true if the init was the reason: then choose again.
   */
  refused(init: Init, error: EngineError): boolean;
  /** Conditions of the Runtime if the engine's own init is not in use. */
  conditions(): DriverCondition[];
}

/** How long a refused init is not tried again, in milliseconds. An init is rarely installed meanwhile. */
const remembered = 60_000;

/** Paths of static inits in distributions. A dynamic one would not find its libraries in an image. */
const hostInits = [
  '/usr/libexec/podman/catatonit',
  '/usr/libexec/catatonit/catatonit',
  '/usr/bin/catatonit',
  '/usr/bin/tini-static',
  '/usr/libexec/docker/docker-init',
  '/usr/bin/docker-init',
];

/** In the tmpfs at /dev of every container, so that nothing remains in the container's file system. */
const target = '/dev/agentctl-init';

/** @param candidates programs of this host; none if the engine is remote */
export function createInits(clock: Clock, candidates: readonly string[]): Inits {
  const refusals = new Map<string, number>();
  let inUse: Init = 'Engine';

  const isRefused = (name: string): boolean => {
    const at = refusals.get(name);
    return at !== undefined && clock.now() >= at && clock.now() < at + remembered;
  };
  const find = async (facts: EngineFacts): Promise<Init> => {
    if (facts.init && !isRefused('Engine')) return 'Engine';
    for (const path of candidates) if (!isRefused(path) && (await isStatic(path))) return { path };
    return 'None';
  };

  return {
    async choose(facts) {
      inUse = await find(facts);
      return inUse;
    },
    refused(init, { message }) {
      if (init === 'Engine' && !/catatonit|container-init binary/i.test(message)) return false;
      if (init === 'None' || (typeof init === 'object' && !message.includes(init.path))) return false;
      refusals.set(init === 'Engine' ? init : init.path, clock.now());
      return true;
    },
    conditions() {
      if (inUse === 'Engine') return [];
      const install = 'Install catatonit on its host (apt install catatonit): new containers use it';
      return inUse === 'None'
        ? [
            {
              type: 'Init',
              status: 'False',
              reason: 'Missing',
              message: `The engine has no init process for containers: orphaned processes of an agent remain as zombies, and a program that does not handle the stop signal is killed after its grace period. ${install}.`,
            },
          ]
        : [
            {
              type: 'Init',
              status: 'True',
              reason: 'FromHost',
              message: `The engine has no init process for containers, so they get ${inUse.path} of this host. ${install} instead.`,
            },
          ];
    },
  };
}

export const hostInitsOf = (local: boolean): readonly string[] => (local ? hostInits : []);

/** Puts the init in front of the container's program. If the spec has no command, the image's command is used. */
export async function beforeProgram(
  { calls }: Engine,
  spec: RunSpec,
  binds: readonly Bind[],
  { path }: { path: string },
): Promise<{ spec: RunSpec; binds: readonly Bind[] }> {
  let { command, args = [] } = spec;
  if (command === undefined) {
    const { Config: config } = await calls.getImage(encodeImage(spec.image ?? '')).inspect();
    command = listOf(config.Entrypoint);
    args = spec.args ?? listOf(config.Cmd);
  }
  // If there is no program, the engine reports what is missing.
  if (command.length + args.length === 0) return { spec, binds };
  return {
    spec: { ...spec, command: [target, '--', ...command], args },
    binds: [...binds, { source: path, target }],
  };
}

/** Podman returns a string for an entry point of one word. */
const listOf = (words: string | readonly string[] | null | undefined): readonly string[] =>
  typeof words === 'string' ? [words] : (words ?? []);

/** Returns whether the file is a 64-bit Linux program without an interpreter. */
export async function isStatic(path: string): Promise<boolean> {
  const head = Buffer.alloc(4096);
  try {
    await using file = await open(path);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    if (bytesRead < 64) return false;
  } catch (error) {
    // If it cannot be read for any reason, it cannot be used.
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
  const isElf64 = head.readUInt32BE(0) === 0x7f454c46 && head[4] === 2 && head[5] === 1;
  if (!isElf64) return false;
  const [first, size, count] = [
    Number(head.readBigUInt64LE(0x20)),
    head.readUInt16LE(0x36),
    head.readUInt16LE(0x38),
  ];
  const interpreter = 3;
  for (let index = 0; index < count; index++) {
    const at = first + index * size;
    if (at + 4 > head.length || head.readUInt32LE(at) === interpreter) return false;
  }
  return true;
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Behind an init the container always starts, so a missing command would look like a crash of the agent. Therefore the
 * engine is asked for the file before the first start of a command in an image, and a file that was found is
 * remembered.
 */
export interface CommandCheck {
  /** Throws CommandNotFound if the created container does not have the command. */
  check(ref: string, spec: RunSpec): Promise<void>;
}

export function createCommandCheck(engine: Engine): CommandCheck {
  const found = new Set<string>();
  /**
   * The first of many concurrent starts looks for all of them. If it finds nothing, each start looks again and reports
   * its own error.
   */
  const looking = new Map<string, Promise<void>>();

  const look = async (ref: string, command: string, spec: RunSpec, key: string): Promise<void> => {
    for (const path of await candidates(engine, ref, command, spec)) {
      const verdict = await lookAt(engine, ref, path);
      if (verdict === 'NotExecutable') throw notFound(`${path} is not executable in`, spec);
      if (verdict === 'Found') {
        if (found.size > 1_000) found.clear();
        found.add(key);
        return;
      }
    }
    // A missing container gives the same answer as a missing path: this call distinguishes them.
    await engine.calls.getContainer(ref).inspect();
    throw notFound(`there is no command ${command} in`, spec);
  };

  return {
    async check(ref, spec) {
      const command = spec.command?.[0];
      if (command === undefined) return;
      const key = JSON.stringify([spec.image, command, spec.env.PATH, spec.workingDir]);
      await looking.get(key)?.catch(() => {}); // the start that looked reports the error
      if (found.has(key)) return;
      const own = look(ref, command, spec, key);
      looking.set(key, own);
      try {
        await own;
      } finally {
        if (looking.get(key) === own) looking.delete(key);
      }
    },
  };
}

const notFound = (what: string, spec: RunSpec): DriverError =>
  new DriverError(
    'NotStartable',
    'CommandNotFound',
    `${what} the image ${spec.image}. Correct spec.template.command, or use another image${oneWordHint(spec.command?.[0] ?? '')}`,
  );

async function candidates(engine: Engine, ref: string, command: string, spec: RunSpec): Promise<string[]> {
  if (command.startsWith('/')) return [command];
  const { Config: config } = await engine.calls.getContainer(ref).inspect();
  if (command.includes('/')) return [`${spec.workingDir ?? (config.WorkingDir || '/')}/${command}`];
  const path = config.Env?.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) || defaultPath;
  return path.split(':').map((folder) => `${folder}/${command}`);
}

async function lookAt(
  engine: Engine,
  ref: string,
  path: string,
): Promise<'Found' | 'NotExecutable' | 'Missing'> {
  try {
    const answer: IncomingMessage = await engine.calls.getContainer(ref).infoArchive({ path });
    answer.resume();
    return isProgram(String(answer.headers['x-docker-container-path-stat'] ?? ''))
      ? 'Found'
      : 'NotExecutable';
  } catch (error) {
    if (hasStatus(error, 404)) return 'Missing';
    throw error;
  }
}

/**
 * Go's file modes: bit 31 is a directory, bit 27 a symbolic link. The target of a link is not checked here: the start
 * does that.
 */
function isProgram(header: string): boolean {
  if (header === '') return true;
  const stat: unknown = JSON.parse(Buffer.from(header, 'base64').toString());
  const mode = typeof stat === 'object' && stat !== null && 'mode' in stat ? Number(stat.mode) : 0o111;
  const has = (bit: number): boolean => Math.floor(mode / 2 ** bit) % 2 === 1;
  const executable = (mode & 0o111) !== 0;
  return has(27) || (executable && !has(31));
}
