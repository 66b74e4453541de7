import type { AgentSpec } from '../api/objects.ts';
import type { Observed } from '../plan/world.ts';

/**
 * Speaks to one Runtime. Decides nothing: each method is one step that the planner asked for, and can be asked again
 * (a start that has been carried out, a stop of what has ended, a removal of what is gone: all succeed).
 * Failures are DriverErrors. The contract suite is test/contracts/driver.ts.
 */
export interface Driver {
  /** Checks that it answers. */
  ping(): Promise<{ version: string }>;

  /** All containers that bear this store's label. */
  list(): Promise<Observed[]>;

  /** One of ours by its ref; undefined where it is gone. */
  inspect(ref: string): Promise<Observed | undefined>;

  /**
   * Tells of changes until the signal aborts or the stream is lost (then it returns; the caller lists again).
   * A hint names what to look at and is never trusted further: `ref` absent means look at all. Only where a run has ended
   * that this driver was told to signal or kill, `seen` may tell what a look would. There need be no hint of a start or a
   * removal by this driver, whose answer tells it.
   */
  watch(onHint: (ref: string | undefined, seen?: Observed) => void, signal: AbortSignal): Promise<void>;

  /** Makes a container and starts it. One of the same instance that has its name is replaced; any other is NameTaken. */
  create(spec: RunSpec): Promise<Observed>;

  /** Starts the container `ref` again, with its file system and log as they are. */
  restart(ref: string, spec: RunSpec): Promise<Observed>;

  /**
   * To the main process, or with `Group` to its process group. A signal by its name or number, as src/api/signal.ts has them; undefined:
   * the image's STOPSIGNAL, and SIGTERM where it names none. One that is paused goes on, so that it can obey.
   */
  signal(ref: string, signal: string | undefined, scope?: 'Main' | 'Group'): Promise<void>;

  /** SIGKILL to all processes of the instance, those that fled their group or session included. */
  kill(ref: string): Promise<void>;

  /** Removes a container that has ended. Named volumes stay unless `volumes`. */
  remove(ref: string, options: { volumes: boolean }): Promise<void>;

  logs(ref: string, options: LogOptions): AsyncIterable<LogLine>;

  /**
   * Opens the standard output and input of one run. The output of a run that has ended can be read to its end, at least
   * for as long as no later one has begun; never is another run's told as its own. One attachment a run is to be written
   * to at a time. DriverErrors: Retryable `Gone` where there is nothing of that run any more, Terminal `InvalidCursor`, Offline.
   */
  attach(ref: string, options: AttachOptions): Promise<Attachment>;

  /**
   * Runs a command inside, for probes. `timeout` (milliseconds) counts from its begin inside; the DriverError is then
   * Retryable `ExecTimeout`, and any other one says that nothing is known of its end. Whatever the command started is
   * killed when it ends, takes too long, or `signal` aborts.
   */
  exec(
    ref: string,
    command: readonly string[],
    options: {
      timeout: number;
      signal?: AbortSignal | undefined;
      /** What the newest run was started with; asked for where the driver does not know it any more. */
      spec?: (() => Promise<RunSpec>) | undefined;
    },
  ): Promise<{ code: number; output: string }>;

  /** Where to reach a port of the instance from the controller. */
  address(ref: string, port: number): Promise<{ host: string; port: number } | undefined>;

  /**
   * The address of this host at which instances reach it, to listen on; for containers the gateway of a network of our
   * own, which is made where it is missing. Undefined where there is none: a remote or rootless engine, and Podman while no
   * container is in that network.
   */
  hostAddress(): Promise<string | undefined>;

  /** The id of the newest image of that name, after asking the registry where `pull`. Undefined: it has none or has no images. */
  imageId(image: string, options: { pull: boolean }): Promise<string | undefined>;

  /** Named volumes that instances of the agent use, for `delete` to list. */
  volumes(namespace: string, agent: string): Promise<string[]>;

  removeVolume(name: string): Promise<void>;

  /** What users of the Runtime should know, as conditions of it. */
  conditions?(): DriverCondition[];

  close(): Promise<void>;
}

export interface DriverCondition {
  type: string;
  status: 'True' | 'False';
  reason: string;
  message: string;
}

/** Each driver's module also exports this check, pure: `field: reason` for each field that it cannot honour. */
export type Unsupported = (spec: AgentSpec, runtime: { allowHostPaths: readonly string[] }) => string[];

/** What one run needs, with every reference resolved. Holds secret values: never logged. */
export interface RunSpec {
  identity: {
    store: string;
    namespace: string;
    agent: string;
    instance: string;
    uid: string;
    ordinal: number;
    run: number;
    revision: string;
    controllerVersion: string;
  };
  image?: string | undefined;
  pullPolicy?: 'Always' | 'IfNotPresent' | 'Never' | undefined;
  command?: readonly string[] | undefined;
  args?: readonly string[] | undefined;
  /** The whole environment beyond what the image sets: AGENTCTL_* included. */
  env: Readonly<Record<string, string>>;
  files: readonly FileSpec[];
  workingDir?: string | undefined;
  mounts: readonly Mount[];
  limits: { cpu?: number | undefined; memory?: number | undefined; pids?: number | undefined };
  /** For a driver that can use them. */
  requests?: { cpu?: number | undefined; memory?: number | undefined };
  user?: string | undefined;
  readOnlyRootFilesystem: boolean;
  security: { capabilities: readonly string[]; allowPrivilegeEscalation: boolean; privileged: boolean };
  network: {
    mode: 'Bridge' | 'None' | 'Host';
    name?: string | undefined;
    ports: readonly {
      containerPort: number;
      hostPort?: number | undefined;
      hostIP: string;
      protocol: 'TCP' | 'UDP';
    }[];
  };
  /** Its output will be read by `attach`, so none of it may be lost: whatever must be opened before the start is. */
  talks: boolean;
  /** Tries the run again, after a wait, that lacked something: a pull that is held back stays so. */
  again?: boolean | undefined;
  /** The standard input stays open. Else it is at its end from the start on, but where the agent talks. */
  stdin: boolean;
  /** What is kept of its output: bytes of one file, and files. */
  logs: { maxSize: number; maxFiles: number };
  /** For the engine's own stop, at a shutdown of the engine. */
  stop: { signal?: string | undefined; scope?: 'Main' | 'Group' | undefined; gracePeriodMs: number };
}

export interface FileSpec {
  path: string;
  content: Uint8Array;
  /** Permission bits. */
  mode: number;
}

export type Mount = { mountPath: string; readOnly: boolean } & (
  | { type: 'Host'; path: string }
  /** With `formerName`, its name in earlier versions, the agent's own volume: never mounted where its labels say otherwise. */
  | { type: 'Volume'; name: string; formerName?: string | undefined }
  | { type: 'Tmpfs'; sizeBytes?: number | undefined }
  /** A folder of files, from a Secret or ConfigMap. */
  | { type: 'Files'; files: readonly FileSpec[] }
);

export interface LogOptions {
  follow: boolean;
  /** Only the last so many lines. */
  tail?: number | undefined;
  /** Only lines from this instant on. */
  since?: number | undefined;
  /** Only this run's output: followed where it is the newest. */
  run?: RunSpan | undefined;
  signal: AbortSignal;
}

/** One run, as the controller knows it. A driver looks for its output by the number, or by the times. */
export interface RunSpan {
  number: number;
  startedAt: number;
  /** Absent while it runs. */
  finishedAt?: number | undefined;
}

export interface AttachOptions {
  run: number;
  /** As Observed has it. A container's output goes on over its runs: this start's is meant. */
  startId: string;
  /** From here on, as an earlier attachment to the same run told it; absent: from the first byte of the run. */
  cursor?: string | undefined;
  /** What was written last may have been cut short: the first write begins with a newline, which ends that line. */
  cut?: boolean | undefined;
  /** Closes the attachment. */
  signal: AbortSignal;
}

/** In bytes. */
export const attachLimits = {
  /** A longer line is cut. */
  line: 16 * 1024 * 1024,
  /** What is told of it. */
  cutTo: 1024,
  /** What may wait to be written. A text of any size is taken where none waits. */
  input: 16 * 1024 * 1024,
  /** What is written at once goes into a pipe as a whole or not at all (PIPE_BUF), while nothing else waits. */
  whole: 4096,
} as const;

export interface Attachment {
  /**
   * Standard output, whole lines, in the order in which they were written, as many at once as have come; to be read by
   * one reader, once. Ends once the run has ended and all was read, or the attachment is closed; throws DriverError where
   * the stream is lost: attach again at the last cursor. The last line of a run may lack its newline and be half a line.
   * What is not asked for is not read: memory does not grow behind a reader that is slow, and it holds up no other.
   */
  readonly lines: AsyncIterable<readonly OutputLine[]>;

  /**
   * Writes whole lines, each with its newline. Resolves once they are in the pipe. DriverErrors: Retryable `NotRunning`
   * (the run has ended, its input or the attachment is closed) and `InputFull` (the agent does not read).
   * Nothing else is written, but for a newline before what follows a line that may have been cut in half.
   */
  write(text: string): Promise<void>;

  /**
   * What was read up to this cursor is never asked for again: the Runtime may delete it. Never throws. Where a Runtime keeps all
   * that was not deleted, an agent whose output is not settled waits at some time.
   */
  settled(cursor: string): void;

  /** The working directory of the instance, absolute. */
  readonly workingDir: string;

  /** Ends `lines` and refuses what still waits to be written. The run goes on. To be called however the lines ended. */
  close(): void;
}

export interface OutputLine {
  /** Without its newline. Of one that is longer than `attachLimits.line` only the beginning, and `cut`. */
  text: string;
  /** How many bytes the line had. */
  cut?: number | undefined;
  /** Output before this line may have been lost. */
  gap?: true | undefined;
  /** Stands behind this line. */
  cursor: string;
}

export interface LogLine {
  stream: 'stdout' | 'stderr';
  /** When it came out of the agent, in milliseconds since the epoch. */
  at: number;
  /** Without its newline. */
  text: string;
}

/**
 * - NotStartable: something that the manifest names is missing (`reason`: ImagePull, ImageMissing, MountMissing,
 *   CommandNotFound, NameTaken, ...). No failure is counted; it is tried again by itself, less and less often.
 * - Retryable: counts and backs off like an exit (DiskFull, StartFailed, ...).
 * - Terminal: cannot succeed with this spec (InvalidSpec).
 * - Offline: the Runtime does not answer.
 * The message names the remedy.
 */
export class DriverError extends Error {
  readonly kind: 'NotStartable' | 'Retryable' | 'Terminal' | 'Offline';
  readonly reason: string;
  /** Of NotStartable: it is of no use to try earlier. */
  readonly retryAt: number | undefined;

  constructor(
    kind: DriverError['kind'],
    reason: string,
    message: string,
    options: { cause?: unknown; retryAt?: number } = {},
  ) {
    super(message, options);
    this.retryAt = options.retryAt;
    this.name = 'DriverError';
    this.kind = kind;
    this.reason = reason;
  }
}

/** Labels on everything that we make in an engine. */
export const labels = {
  store: 'agentctl.dev/store',
  namespace: 'agentctl.dev/namespace',
  agent: 'agentctl.dev/agent',
  instance: 'agentctl.dev/instance',
  uid: 'agentctl.dev/instance-uid',
  ordinal: 'agentctl.dev/ordinal',
  run: 'agentctl.dev/run',
  revision: 'agentctl.dev/revision',
  version: 'agentctl.dev/controller-version',
} as const;
