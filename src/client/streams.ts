import type { AnyObject, New, ObjectKey } from '../api/objects.ts';

/**
 * What agentctl serves beyond Resources, in the group subresources.agentctl.dev/v1: the controller implements it in
 * process, http.ts over HTTP. Every failure is an ApiError, or UnreachableError where there is no server.
 * Instants are milliseconds since the Unix epoch.
 */
export interface Streams {
  /** Output of an Instance, the oldest line first. NotFound for an unknown Instance. With `follow` until the signal aborts. */
  log(instance: ObjectKey, options: LogOptions): AsyncIterable<LogEntry>;

  /** What happens next to an Agent by time alone, in order, up to `until`. */
  forecast(agent: ObjectKey, options: { until: number }): Promise<ForecastEntry[]>;

  /** What the controller would do were these objects applied; writes nothing. One entry for each Agent that is touched. */
  plan(objects: readonly New<AnyObject>[]): Promise<AgentPlan[]>;

  status(): Promise<ControllerStatus>;

  /**
   * Stops every instance and keeps it stopped while this controller lives; answers when all have ended. Timeout, naming
   * them, where some do not. For `controller stop --agents`.
   */
  stopAgents(): Promise<void>;

  /** Named volumes of an Agent, which its deletion keeps. The Agent itself may be gone. */
  volumes(agent: ObjectKey): Promise<Volume[]>;

  /** Removes those volumes; answers what was removed. Conflict while the Agent exists and is not being deleted. */
  purge(agent: ObjectKey): Promise<Volume[]>;
}

export interface LogOptions {
  follow?: boolean | undefined;
  /** Only the last so many lines. */
  tail?: number | undefined;
  /** Only lines from this instant on. */
  since?: number | undefined;
  /** Only what came before the newest start. */
  previous?: boolean | undefined;
  signal: AbortSignal;
}

export interface LogEntry {
  stream: 'stdout' | 'stderr';
  /** Absent where the driver keeps no times. */
  at?: number | undefined;
  /** Without its newline. */
  text: string;
}

export interface ForecastEntry {
  at: number;
  /** One word: the cause of the action, or what begins then. */
  what: string;
  instance?: string | undefined;
  message: string;
}

export interface AgentPlan {
  agent: ObjectKey;
  /** As formatPlan prints it. */
  text: string;
  actions: readonly PlannedAction[];
}

export interface PlannedAction {
  id: string;
  type: string;
  cause: string;
  message: string;
}

export interface ControllerStatus {
  pid: number;
  version: string;
  startedAt: number;
  /** Milliseconds. */
  uptime: number;
  store: { id: string; path: string; revision: number };
  runtimes: readonly {
    name: string;
    driver: string;
    ready: boolean;
    message?: string | undefined;
    running: number;
    queued: number;
  }[];
  agents: { total: number; ready: number };
  /** Number of Instances by phase. */
  instances: Readonly<Record<string, number>>;
}

export interface Volume {
  runtime: string;
  name: string;
}
