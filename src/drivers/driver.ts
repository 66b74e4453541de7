import type { Capabilities } from '../api/capabilities.ts';
import { AgentctlError, type FailureOptions } from '../api/errors.ts';
import type { AgentSpec, Probe } from '../api/objects.ts';
import type { Observed } from '../plan/world.ts';
import type { Attachment, AttachOptions } from './attachment.ts';

/**
 * Operates one Runtime: what every driver does, and the features that it has. It decides nothing: each method is one
 * step that the planner requested, and is idempotent (a start that was carried out, a stop of an ended run and a removal
 * of a missing container all succeed). All failures are DriverErrors. The contract suite is test/contracts/driver.ts.
 */
export interface Driver extends Partial<DriverFeatures> {
  /** From src/api/capabilities.ts. */
  readonly capabilities: Capabilities;

  /** Checks that the Runtime answers. */
  ping(): Promise<{ version: string }>;

  /** Returns all containers with this store's label. */
  list(): Promise<Observed[]>;

  /** Returns one of our containers; undefined if it is gone. */
  inspect(ref: string): Promise<Observed | undefined>;

  /**
   * Reports changes until the signal aborts or the stream is lost; then it returns and the caller lists again. A hint
   * names what to look at and is not trusted further; without `ref` it means everything. `seen` is given only if a run
   * has ended that this driver was asked to signal or kill: it is what an inspect would return. Starts and removals by
   * this driver need no hint, because their results are returned.
   */
  watch(onHint: (ref: string | undefined, seen?: Observed) => void, signal: AbortSignal): Promise<void>;

  /**
   * Creates a container and starts it. Replaces a container of the same instance with that name. Throws NameTaken if
   * the name belongs to another.
   */
  create(spec: RunSpec): Promise<Observed>;

  /**
   * Signals the main process or, with `Group`, its process group. `signal` is a name or number as in src/api/signal.ts;
   * undefined means the image's STOPSIGNAL, or SIGTERM if it has none. A paused container is unpaused, so that it can
   * react. Without the capability `signals`: asks the instance to stop, whatever the signal.
   */
  signal(ref: string, signal: string | undefined, scope?: 'Main' | 'Group'): Promise<void>;

  /** Sends SIGKILL to all processes of the instance, including those that left their process group or session. */
  kill(ref: string): Promise<void>;

  /** Removes an ended container. Keeps named volumes unless `volumes` is set. */
  remove(ref: string, options: { volumes: boolean }): Promise<void>;

  close(): Promise<void>;
}

/** What only some drivers have. `capabilities` says so before there is a driver. */
export interface DriverFeatures {
  /** If the capability `restartInPlace` is set: starts the container `ref` again, with its file system and log unchanged. */
  restart(ref: string, spec: RunSpec): Promise<Observed>;

  logs(ref: string, options: LogOptions): AsyncIterable<LogLine>;

  /** If the capability `stdio` is not None. */
  stdio: {
    /**
     * Opens the standard output and input of one run. The output of an ended run can be read to its end, at least until a
     * later run begins; output of another run is never returned for it. At most one attachment to a run may write at a
     * time. Throws DriverErrors: Retryable `Gone` if nothing is left of that run, Terminal `InvalidCursor`, Offline.
     */
    attach(ref: string, options: AttachOptions): Promise<Attachment>;
  };

  /**
   * Runs a command inside, for probes. `timeout` (milliseconds) counts from the command's begin inside; then it throws
   * Retryable `ExecTimeout`. Any other DriverError means that the command's end is unknown. Everything the command
   * started is killed when it ends, times out, or `signal` aborts.
   */
  exec(
    ref: string,
    command: readonly string[],
    options: {
      timeout: number;
      signal?: AbortSignal | undefined;
      /** The spec with which the newest run was started; called if the driver no longer knows it. */
      spec?: (() => Promise<RunSpec>) | undefined;
    },
  ): Promise<{ code: number; output: string }>;

  /** Returns the address at which the controller reaches a port of the instance. */
  address(ref: string, port: number): Promise<{ host: string; port: number } | undefined>;

  /**
   * Returns the address of this host at which instances reach it, to listen on. For containers it is the gateway of our
   * own network, which is created if missing. Undefined if there is none: with a remote or rootless engine, and with
   * Podman while no container is in that network.
   */
  hostAddress(): Promise<string | undefined>;

  images: {
    /**
     * Returns the id of the newest image with that name; with `pull`, asks the registry first. Undefined if the Runtime
     * does not have the image.
     */
    id(image: string, options: { pull: boolean }): Promise<string | undefined>;
  };

  volumes: {
    /** Returns the named volumes that instances of the agent use. `delete` lists them. */
    list(namespace: string, agent: string): Promise<string[]>;
    remove(name: string): Promise<void>;
  };

  /** Conditions of the Runtime that its users should know. */
  conditions(): DriverCondition[];
}

/** Throws Terminal `NotSupported` if the driver lacks a feature. */
export function requireFeature<Feature extends keyof DriverFeatures>(
  driver: Driver,
  feature: Feature,
): asserts driver is Driver & Pick<DriverFeatures, Feature> {
  if (driver[feature] !== undefined) return;
  const { noun } = driver.capabilities;
  throw new DriverError(
    'Terminal',
    'NotSupported',
    `the Runtime of this ${noun} has no ${feature}: use another Runtime, or remove what needs it`,
  );
}

export interface DriverCondition {
  type: string;
  status: 'True' | 'False';
  reason: string;
  message: string;
}

/**
 * The check that each driver's module exports too. Returns `field: reason` for each field that the driver does not
 * support. Pure.
 */
export type Unsupported = (spec: AgentSpec, runtime: { allowHostPaths: readonly string[] }) => string[];

/** What one run needs, with all references resolved. Contains secret values: never log it. */
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
  /** The whole environment in addition to the image's, including AGENTCTL_*. */
  env: Readonly<Record<string, string>>;
  files: readonly FileSpec[];
  workingDir?: string | undefined;
  mounts: readonly Mount[];
  limits: { cpu?: number | undefined; memory?: number | undefined; pids?: number | undefined };
  /** Only for drivers that support requests. */
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
  /** The output will be read by `attach`, so none may be lost: open whatever that needs before the start. */
  talks: boolean;
  /** This is a retry of a run that could not start, so a pull that is in backoff stays in backoff. */
  again?: boolean | undefined;
  /** Keeps the standard input open. Otherwise it is at its end from the start, unless the agent talks. */
  stdin: boolean;
  /** How much output is kept: bytes of one file, and number of files. */
  logs: { maxSize: number; maxFiles: number };
  /** Only for drivers that run them (`nativeProbes`). */
  probes?: { readiness?: Probe | undefined; liveness?: Probe | undefined } | undefined;
  /** Used by the engine itself, when the engine shuts down. */
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
  /**
   * With `formerName`, the volume's name in earlier versions, it is the agent's own volume: not mounted if its labels
   * say otherwise.
   */
  | { type: 'Volume'; name: string; formerName?: string | undefined }
  | { type: 'Tmpfs'; sizeBytes?: number | undefined }
  /** A folder of files, from a Secret or ConfigMap. */
  | { type: 'Files'; files: readonly FileSpec[] }
);

export interface LogOptions {
  follow: boolean;
  /** Only this many last lines. */
  tail?: number | undefined;
  /** Only lines from this instant on. */
  since?: number | undefined;
  /** Only this run's output. It is followed only if it is the newest run. */
  run?: RunSpan | undefined;
  signal: AbortSignal;
}

/** One run, as the controller knows it. A driver finds its output by the number or by the times. */
export interface RunSpan {
  number: number;
  startedAt: number;
  /** Absent while the run has not ended. */
  finishedAt?: number | undefined;
}

export interface LogLine {
  stream: 'stdout' | 'stderr';
  /** When the agent wrote it, in milliseconds since the epoch. */
  at: number;
  /** Without its newline. */
  text: string;
}

/**
 * - NotStartable: something that the manifest names is missing (`reason`: ImagePull, ImageMissing, MountMissing,
 *   CommandNotFound, NameTaken, ...). Not counted as a failure; retried with backoff.
 * - Retryable: counts and backs off like an exit (DiskFull, StartFailed, ...).
 * - Terminal: cannot succeed with this spec (InvalidSpec).
 * - Offline: the Runtime does not answer.
 *
 * The message names the remedy.
 */
export class DriverError extends AgentctlError {
  readonly kind: 'NotStartable' | 'Retryable' | 'Terminal' | 'Offline';

  /** `remedy` ends the message. A `retry` at an instant: an earlier start is useless. */
  constructor(
    kind: DriverError['kind'],
    reason: string,
    message: string,
    { cause, remedy, retry = kind === 'Terminal' ? 'Never' : 'Backoff' }: FailureOptions = {},
  ) {
    super(reason, remedy === undefined ? message : `${message} ${remedy}`, { cause, remedy, retry });
    this.name = 'DriverError';
    this.kind = kind;
  }
}
