/** The parts of the Docker Engine API's responses (v1.41) that we use. */

export interface ContainerInspect {
  Id: string;
  Name: string;
  /** The image's id. */
  Image: string;
  State: {
    /**
     * created, running, paused, restarting, removing, exited or dead. Podman adds configured, stopped, stopping and
     * others.
     */
    Status: string;
    Running: boolean;
    Paused: boolean;
    /** The pid of the main process on the engine's host; 0 if it does not run. */
    Pid?: number | undefined;
    OOMKilled: boolean;
    ExitCode: number;
    Error: string;
    /** RFC 3339 with nanoseconds; year 1 means never. */
    StartedAt: string;
    FinishedAt: string;
  };
  Config: {
    Labels: Record<string, string> | null;
    Env: string[] | null;
    WorkingDir: string;
    /** A name or a number. Defaults to the image's; absent if the image has none. */
    StopSignal?: string | undefined;
  };
  HostConfig: { NetworkMode?: string | undefined };
  Mounts: { Type: string; Name?: string | undefined; Destination: string }[] | null;
  NetworkSettings: {
    /** Absent in newer engines: each network has one instead. */
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

/** Returns undefined for year 1, which means never. */
export function instantOf(text: string): number | undefined {
  const instant = Date.parse(text);
  return Number.isNaN(instant) || instant <= 0 ? undefined : instant;
}
