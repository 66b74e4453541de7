import { oneWordHint } from '../../api/text.ts';
import { DriverError } from '../driver.ts';
import { EngineError } from './engine.ts';

/** What the failed step was about, for the messages. */
export interface Subject {
  name: string;
  image?: string | undefined;
  command?: string | undefined;
  network?: string | undefined;
}

interface Rule {
  /** Matched against the engine's message, of Docker and of Podman. */
  says: RegExp;
  status?: number;
  kind: DriverError['kind'];
  reason: string;
  remedy: (subject: Subject, match: RegExpExecArray) => string;
}

/** The first match wins. */
const rules: readonly Rule[] = [
  {
    says: /no space left on device|disk quota exceeded/i,
    kind: 'Retryable',
    reason: 'DiskFull',
    remedy: () => "the engine's disk is full; free some space (docker system df)",
  },
  {
    says: /(exec: .*|executable file .*)(not found|no such file|permission denied|is a directory|exec format error)/i,
    kind: 'NotStartable',
    reason: 'CommandNotFound',
    remedy: ({ command, image }) =>
      `${command ?? 'the command'} cannot be run in the image ${image}. Correct spec.template.command, or use another image${oneWordHint(command ?? '')}`,
  },
  {
    says: /bind source path does not exist: (.*)|statfs (\/[^:]*): no such file or directory/i,
    kind: 'NotStartable',
    reason: 'MountMissing',
    remedy: (_, match) =>
      `${match[1] ?? match[2]} does not exist on the host: create it, or correct the volume's hostPath`,
  },
  {
    says: /port is already allocated|address already in use|failed to bind host port/i,
    kind: 'NotStartable',
    reason: 'PortTaken',
    remedy: () => 'the port is already in use on the host: free it, or use another hostPort',
  },
  {
    says: /network (.*) is ambiguous/i,
    kind: 'NotStartable',
    reason: 'NetworkAmbiguous',
    remedy: (_, match) =>
      `the engine has several networks named ${match[1]}: remove all but one with docker network rm <id>`,
  },
  {
    says: /network .*not found|unable to find network|no such network/i,
    kind: 'NotStartable',
    reason: 'NetworkMissing',
    remedy: ({ network }) => `create it with: docker network create ${network ?? '<name>'}`,
  },
  {
    says: /unable to find (user|group)|no matching entries in (passwd|group)|no users found/i,
    kind: 'Terminal',
    reason: 'InvalidSpec',
    remedy: () => 'the user does not exist in the image; use a number in spec.template.user',
  },
  {
    says: /no command (or entrypoint )?(provided|specified)|must specify (a )?command/i,
    kind: 'Terminal',
    reason: 'InvalidSpec',
    remedy: ({ image }) => `the image ${image} has no default command: set template.command`,
  },
  {
    says: /./,
    status: 400,
    kind: 'Terminal',
    reason: 'InvalidSpec',
    remedy: () => 'the engine does not accept the spec',
  },
];

/** Translates an engine's refusal of a start into a DriverError. Returns other errors unchanged. */
export function startError(error: unknown, subject: Subject): unknown {
  if (!(error instanceof EngineError)) return error;
  for (const { says, status, kind, reason, remedy } of rules) {
    if (status !== undefined && status !== error.status) continue;
    const match = says.exec(error.message);
    if (match !== null)
      return new DriverError(kind, reason, `${remedy(subject, match)} (${error.message})`, { cause: error });
  }
  return new DriverError(
    'Retryable',
    'StartFailed',
    `the engine could not start ${subject.name}: ${error.message}`,
    {
      cause: error,
    },
  );
}

export const gone = (ref: string, cause?: unknown): DriverError =>
  new DriverError('Retryable', 'Gone', `the container ${ref.slice(0, 12)} no longer exists`, {
    cause,
  });

export const hasStatus = (error: unknown, ...statuses: number[]): error is EngineError =>
  error instanceof EngineError && statuses.includes(error.status);

/** Like `startError`, for steps whose refusal has no specific meaning. */
export function stepError(error: unknown, ref: string, step: string): unknown {
  if (!(error instanceof EngineError)) return error;
  if (error.status === 404) return gone(ref, error);
  return new DriverError('Retryable', 'EngineError', `${step}: the engine says: ${error.message}`, {
    cause: error,
  });
}

/** Resolves to undefined if the engine does not have it. */
export const ifExists = <T>(answer: Promise<T>): Promise<T | undefined> =>
  answer.catch((error: unknown) => {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  });
