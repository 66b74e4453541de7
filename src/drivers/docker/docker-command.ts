import type { IncomingMessage } from 'node:http';
import { oneWordHint } from '../../api/text.ts';
import { DriverError, type RunSpec } from '../driver.ts';
import { hasStatus } from './docker-errors.ts';
import type { Engine } from './engine.ts';

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
    // A missing container gives the same answer as a missing path: this call tells them apart.
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
