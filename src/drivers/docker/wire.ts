/** The parts of the Docker Engine API's answers (v1.41) that are used here. */

export interface ContainerInspect {
  Id: string;
  Name: string;
  /** The image's id. */
  Image: string;
  State: {
    /** created, running, paused, restarting, removing, exited or dead; Podman adds configured, stopped, stopping and others. */
    Status: string;
    Running: boolean;
    Paused: boolean;
    /** Of the main process, in the engine's host; 0 where none runs. */
    Pid?: number | undefined;
    OOMKilled: boolean;
    ExitCode: number;
    Error: string;
    /** RFC 3339 with nanoseconds; year 1 where it never was. */
    StartedAt: string;
    FinishedAt: string;
  };
  Config: {
    Labels: Record<string, string> | null;
    Env: string[] | null;
    WorkingDir: string;
    /** A name, or a number; the image's where none was given. Absent where that has none. */
    StopSignal?: string | undefined;
  };
  HostConfig: { NetworkMode?: string | undefined };
  Mounts: { Type: string; Name?: string | undefined; Destination: string }[] | null;
  NetworkSettings: {
    /** Absent in newer engines: each of the networks has one. */
    IPAddress?: string | undefined;
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null> | null;
    Networks: Record<string, { IPAddress: string }> | null;
  };
}

export interface EngineEvent {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes?: Record<string, string> | null };
  timeNano?: number;
}

/** An instant that never was is year 1. */
export function instantOf(text: string): number | undefined {
  const instant = Date.parse(text);
  return Number.isNaN(instant) || instant <= 0 ? undefined : instant;
}
